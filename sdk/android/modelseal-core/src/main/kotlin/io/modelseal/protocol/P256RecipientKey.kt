package io.modelseal.protocol

import io.modelseal.RecipientKey
import io.modelseal.SealException
import io.modelseal.SealException.Reason
import java.security.GeneralSecurityException
import java.security.KeyPairGenerator
import java.security.PrivateKey
import java.security.ProviderException
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import javax.crypto.KeyAgreement

internal const val P256_SUITE = "P256-HKDF-SHA256-AES256GCM"
private const val DHKEM_P256 = 0x0010

/** A P-256 key pair in this process's memory, for one grant. */
internal fun softwareRecipientKey(): RecipientKey {
    val generator = KeyPairGenerator.getInstance("EC")
    generator.initialize(ECGenParameterSpec("secp256r1"))
    val pair = generator.generateKeyPair()
    return p256RecipientKey(pair.public as ECPublicKey, pair.private)
}

/** A key pair whose private half any provider of JCA holds: memory, or Android's Keystore. */
internal fun p256RecipientKey(publicKey: ECPublicKey, privateKey: PrivateKey, provider: String? = null): RecipientKey {
    val serialised = P256.uncompressed(publicKey)
    return object : RecipientKey {
        override val suite = P256_SUITE
        override val publicKey get() = serialised.copyOf()
        override suspend fun open(enc: ByteArray, ct: ByteArray, info: ByteArray, aad: ByteArray): ByteArray {
            val ephemeral = P256.publicKey(enc) ?: throw SealException(Reason.KEY_REFUSED, "enc")
            val dh = agree(privateKey, ephemeral, provider)
            return Hpke.open(DHKEM_P256, Hpke.dhkemSecret(DHKEM_P256, dh, enc, serialised), ct, info, aad)
        }
    }
}

/** ECDH. Hardware fails in ways of its own, which say nothing of the grant: `key-unavailable`. */
private fun agree(privateKey: PrivateKey, ephemeral: ECPublicKey, provider: String?): ByteArray = try {
    val agreement = if (provider == null) KeyAgreement.getInstance("ECDH") else KeyAgreement.getInstance("ECDH", provider)
    agreement.init(privateKey)
    agreement.doPhase(ephemeral, true)
    agreement.generateSecret()
} catch (cause: GeneralSecurityException) {
    throw SealException(Reason.KEY_UNAVAILABLE, cause = cause)
} catch (cause: ProviderException) {
    throw SealException(Reason.KEY_UNAVAILABLE, cause = cause)
}
