package io.modelseal.android

import android.security.keystore.KeyGenParameterSpec
import java.security.AlgorithmParameters
import java.security.InvalidAlgorithmParameterException
import java.security.InvalidKeyException
import java.security.Key
import java.security.KeyPair
import java.security.KeyPairGeneratorSpi
import java.security.PrivateKey
import java.security.PublicKey
import java.security.SecureRandom
import java.security.Signature
import java.security.SignatureSpi
import java.security.spec.AlgorithmParameterSpec
import javax.crypto.Cipher
import javax.crypto.CipherSpi
import javax.crypto.KeyAgreement
import javax.crypto.KeyAgreementSpi
import javax.crypto.KeyGeneratorSpi
import javax.crypto.SecretKey

/** What keys of [FakeKeystore] do: the JVM's own operations, behind keys that show nothing. */
internal class FakeKeyPairGenerator(private val keystore: FakeKeystore) : KeyPairGeneratorSpi() {
    private lateinit var spec: KeyGenParameterSpec

    override fun initialize(params: AlgorithmParameterSpec?, random: SecureRandom?) {
        spec = params as? KeyGenParameterSpec ?: throw InvalidAlgorithmParameterException()
    }

    override fun initialize(keysize: Int, random: SecureRandom?): Unit = throw IllegalArgumentException()
    override fun generateKeyPair(): KeyPair = keystore.generatePair(spec)
}

internal class FakeKeyGenerator(private val keystore: FakeKeystore) : KeyGeneratorSpi() {
    private lateinit var spec: KeyGenParameterSpec

    override fun engineInit(params: AlgorithmParameterSpec?, random: SecureRandom?) {
        spec = params as? KeyGenParameterSpec ?: throw InvalidAlgorithmParameterException()
    }

    override fun engineInit(random: SecureRandom?): Unit = throw UnsupportedOperationException()
    override fun engineInit(keysize: Int, random: SecureRandom?): Unit = throw UnsupportedOperationException()
    override fun engineGenerateKey(): SecretKey = keystore.generateKey(spec)
}

private fun materialOf(key: Key?): Key {
    val opaque = key as? OpaqueKey ?: throw InvalidKeyException("not of the Keystore")
    opaque.keystore.requireUsable()
    return opaque.material
}

internal class FakeSignature : SignatureSpi() {
    private val jvm by lazy { Signature.getInstance("SHA256withECDSA") }

    override fun engineInitSign(privateKey: PrivateKey?) = jvm.initSign(materialOf(privateKey) as PrivateKey)
    override fun engineInitVerify(publicKey: PublicKey?) = jvm.initVerify(publicKey)
    override fun engineUpdate(b: Byte) = jvm.update(b)
    override fun engineUpdate(b: ByteArray, off: Int, len: Int) = jvm.update(b, off, len)
    override fun engineSign(): ByteArray = jvm.sign()
    override fun engineVerify(sigBytes: ByteArray): Boolean = jvm.verify(sigBytes)

    @Deprecated("As the class it extends has it.")
    override fun engineSetParameter(param: String?, value: Any?): Unit = throw UnsupportedOperationException()

    @Deprecated("As the class it extends has it.")
    override fun engineGetParameter(param: String?): Any = throw UnsupportedOperationException()
}

internal class FakeAgreement : KeyAgreementSpi() {
    private val jvm by lazy { KeyAgreement.getInstance("ECDH") }

    override fun engineInit(key: Key?, random: SecureRandom?) = jvm.init(materialOf(key))
    override fun engineInit(key: Key?, params: AlgorithmParameterSpec?, random: SecureRandom?) = jvm.init(materialOf(key))
    override fun engineDoPhase(key: Key?, lastPhase: Boolean): Key? = jvm.doPhase(key, lastPhase)
    override fun engineGenerateSecret(): ByteArray = jvm.generateSecret()
    override fun engineGenerateSecret(sharedSecret: ByteArray?, offset: Int): Int = jvm.generateSecret(sharedSecret, offset)
    override fun engineGenerateSecret(algorithm: String?): SecretKey = jvm.generateSecret(algorithm)
}

/** AES-GCM whose IVs the Keystore alone chooses when it encrypts. */
internal class FakeCipher : CipherSpi() {
    private val jvm = Cipher.getInstance("AES/GCM/NoPadding", "SunJCE")

    override fun engineInit(opmode: Int, key: Key?, random: SecureRandom?) = jvm.init(opmode, materialOf(key))
    override fun engineInit(opmode: Int, key: Key?, params: AlgorithmParameterSpec?, random: SecureRandom?) {
        val material = materialOf(key)
        if (opmode == Cipher.ENCRYPT_MODE && params != null) {
            throw InvalidAlgorithmParameterException("Caller-provided IV not permitted when encrypting")
        }
        jvm.init(opmode, material, params)
    }

    override fun engineInit(opmode: Int, key: Key?, params: AlgorithmParameters?, random: SecureRandom?) =
        jvm.init(opmode, materialOf(key), params)

    override fun engineGetIV(): ByteArray = jvm.iv
    override fun engineGetParameters(): AlgorithmParameters = jvm.parameters
    override fun engineGetBlockSize(): Int = jvm.blockSize
    override fun engineGetOutputSize(inputLen: Int): Int = jvm.getOutputSize(inputLen)
    override fun engineSetMode(mode: String?) = Unit
    override fun engineSetPadding(padding: String?) = Unit
    override fun engineUpdate(input: ByteArray, offset: Int, length: Int): ByteArray? = jvm.update(input, offset, length)
    override fun engineUpdate(input: ByteArray, offset: Int, length: Int, output: ByteArray, at: Int): Int =
        jvm.update(input, offset, length, output, at)

    override fun engineDoFinal(input: ByteArray?, offset: Int, length: Int): ByteArray =
        if (input == null) jvm.doFinal() else jvm.doFinal(input, offset, length)

    override fun engineDoFinal(input: ByteArray, offset: Int, length: Int, output: ByteArray, at: Int): Int =
        jvm.doFinal(input, offset, length, output, at)
}
