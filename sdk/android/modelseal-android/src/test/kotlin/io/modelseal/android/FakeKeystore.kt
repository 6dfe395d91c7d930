package io.modelseal.android

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.security.keystore.StrongBoxUnavailableException
import android.security.keystore.UserNotAuthenticatedException
import java.io.InputStream
import java.io.OutputStream
import java.security.Key
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.KeyStoreException
import java.security.KeyStoreSpi
import java.security.PrivateKey
import java.security.Provider
import java.security.ProviderException
import java.security.PublicKey
import java.security.Security
import java.security.UnrecoverableKeyException
import java.security.cert.Certificate
import java.security.spec.ECGenParameterSpec
import java.util.Collections
import java.util.Date
import java.util.Enumeration
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey

/** What the Keystore has under an alias; nothing else has the material. */
internal class Entry(val key: OpaqueKey, val publicKey: PublicKey?, val spec: KeyGenParameterSpec, var createdAt: Long)

/** A key whose bytes are nowhere to be had; `material` stands for the hardware. */
internal sealed class OpaqueKey(val material: Key, val keystore: FakeKeystore) : Key {
    override fun getAlgorithm(): String = material.algorithm
    override fun getFormat(): String? = null
    override fun getEncoded(): ByteArray? = null
}

internal class OpaquePrivateKey(material: Key, keystore: FakeKeystore) : OpaqueKey(material, keystore), PrivateKey

internal class OpaqueSecretKey(material: Key, keystore: FakeKeystore) : OpaqueKey(material, keystore), SecretKey

/** How keys answer now. */
internal enum class Condition { USABLE, LOCKED, INVALIDATED, SILENT }

private class MadeService(provider: Provider, type: String, algorithm: String, val keys: Class<*>?, val make: () -> Any) :
    Provider.Service(provider, type, algorithm, FakeKeystore::class.java.name, null, null) {
    override fun newInstance(constructorParameter: Any?): Any = make()

    override fun supportsParameter(parameter: Any?): Boolean = keys == null || keys.isInstance(parameter)
}

/** AOSP's AndroidKeyStoreBCWorkaroundProvider: what opaque keys do. */
private object Operations : Provider("AndroidKeyStoreBCWorkaround", "1", "operations of a Keystore for tests") {
    private fun readResolve(): Any = Operations

    init {
        putService(MadeService(this, "Signature", "SHA256withECDSA", OpaquePrivateKey::class.java) { FakeSignature() })
        putService(MadeService(this, "Cipher", "AES/GCM/NoPadding", OpaqueSecretKey::class.java) { FakeCipher() })
    }
}

/**
 * An Android Keystore in this process, as Robolectric has none. How it fails is what AOSP's sources say, in
 * `frameworks/base/keystore/java/android/security/keystore2`: AndroidKeyStoreSpi.engineGetKey (a key that
 * is invalid for good is an UnrecoverableKeyException without a cause, any other failure one with it),
 * AndroidKeyStoreKeyPairGeneratorSpi (StrongBoxUnavailableException, else ProviderException),
 * KeyStoreCryptoOperationUtils (what `init` throws), AndroidKeyStoreKeyAgreementSpi.
 */
internal class FakeKeystore : Provider("AndroidKeyStore", "1", "a Keystore for tests") {
    /** What a StrongBox answers; null where it makes the key. */
    var strongBox: (() -> ProviderException)? = null

    /** What the trusted environment answers to a request for a key. */
    var generating: (KeyGenParameterSpec) -> ProviderException? = { null }
    var condition = Condition.USABLE
    val held = LinkedHashMap<String, Entry>()

    init {
        service("KeyStore", "AndroidKeyStore") { Store() }
        service("KeyPairGenerator", "EC") { FakeKeyPairGenerator(this) }
        service("KeyGenerator", "AES") { FakeKeyGenerator(this) }
        service("KeyAgreement", "ECDH", OpaquePrivateKey::class.java) { FakeAgreement() }
        // As on a phone, keys are asked for by the Keystore's name, and operations come before others'.
        Security.addProvider(this)
        Security.insertProviderAt(Operations, 1)
    }

    fun remove() {
        Security.removeProvider(name)
        Security.removeProvider(Operations.name)
    }

    /** What `init` of whatever uses a key throws. */
    fun requireUsable() {
        when (condition) {
            Condition.USABLE -> Unit
            Condition.LOCKED -> throw UserNotAuthenticatedException()
            Condition.INVALIDATED -> throw KeyPermanentlyInvalidatedException()
            Condition.SILENT -> throw ProviderException("Keystore operation failed")
        }
    }

    fun generatePair(spec: KeyGenParameterSpec): KeyPair {
        refuse(spec)
        val pair = KeyPairGenerator.getInstance("EC").run {
            initialize(ECGenParameterSpec("secp256r1"))
            generateKeyPair()
        }
        val key = OpaquePrivateKey(pair.private, this)
        held[spec.keystoreAlias] = Entry(key, pair.public, spec, System.currentTimeMillis())
        return KeyPair(pair.public, key)
    }

    fun generateKey(spec: KeyGenParameterSpec): SecretKey {
        refuse(spec)
        val material = KeyGenerator.getInstance("AES", "SunJCE").apply { init(spec.keySize) }.generateKey()
        // A new key is none of those that were invalidated.
        condition = Condition.USABLE
        return OpaqueSecretKey(material, this).also { held[spec.keystoreAlias] = Entry(it, null, spec, System.currentTimeMillis()) }
    }

    private fun refuse(spec: KeyGenParameterSpec) {
        if (isInStrongBox(spec)) strongBox?.let { throw it() }
        if (!isInStrongBox(spec)) generating(spec)?.let { throw it }
    }

    private fun service(type: String, algorithm: String, keys: Class<*>? = null, make: () -> Any) =
        putService(MadeService(this, type, algorithm, keys, make))

    private inner class Store : KeyStoreSpi() {
        override fun engineGetKey(alias: String, password: CharArray?): Key? {
            val entry = held[alias] ?: return null
            if (condition == Condition.INVALIDATED) throw UnrecoverableKeyException("Key permanently invalidated")
            if (condition == Condition.SILENT) {
                throw UnrecoverableKeyException("Failed to obtain information about key").apply { initCause(KeyStoreException("-28")) }
            }
            return entry.key
        }

        override fun engineGetCertificateChain(alias: String): Array<Certificate>? =
            held[alias]?.publicKey?.let { key -> arrayOf(FakeCertificate(key), FakeCertificate(key)) }

        override fun engineGetCreationDate(alias: String): Date? = held[alias]?.let { Date(it.createdAt) }
        override fun engineDeleteEntry(alias: String) {
            held.remove(alias)
        }

        override fun engineAliases(): Enumeration<String> = Collections.enumeration(held.keys.toList())
        override fun engineContainsAlias(alias: String): Boolean = alias in held
        override fun engineSize(): Int = held.size
        override fun engineLoad(stream: InputStream?, password: CharArray?) = require(stream == null)
        override fun engineGetCertificate(alias: String): Certificate? = engineGetCertificateChain(alias)?.first()
        override fun engineIsKeyEntry(alias: String): Boolean = alias in held
        override fun engineIsCertificateEntry(alias: String): Boolean = false
        override fun engineGetCertificateAlias(cert: Certificate?): String? = null
        override fun engineSetKeyEntry(alias: String?, key: Key?, password: CharArray?, chain: Array<out Certificate>?) = refused()
        override fun engineSetKeyEntry(alias: String?, key: ByteArray?, chain: Array<out Certificate>?) = refused()
        override fun engineSetCertificateEntry(alias: String?, cert: Certificate?) = refused()
        override fun engineStore(stream: OutputStream?, password: CharArray?) = refused()

        private fun refused(): Nothing = throw UnsupportedOperationException()
    }

    private class FakeCertificate(private val key: PublicKey) : Certificate("X.509") {
        override fun getEncoded(): ByteArray = key.encoded
        override fun verify(key: PublicKey?) = Unit
        override fun verify(key: PublicKey?, sigProvider: String?) = Unit
        override fun toString(): String = "a certificate for tests"
        override fun getPublicKey(): PublicKey = key
    }

    companion object {
        fun isInStrongBox(spec: KeyGenParameterSpec): Boolean = spec.isStrongBoxBacked

        fun isForAgreement(spec: KeyGenParameterSpec): Boolean = spec.purposes and KeyProperties.PURPOSE_AGREE_KEY != 0

        /** The two ways in which a phone has no StrongBox. */
        val WITHOUT_STRONGBOX = listOf({ StrongBoxUnavailableException() }, { ProviderException("Failed to generate key pair.") })
    }
}
