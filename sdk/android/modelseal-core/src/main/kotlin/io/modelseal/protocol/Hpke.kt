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

/** HPKE (RFC 9180), base mode, one message: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. */
internal object Hpke {
    private val KEM_ID = "KEM".toByteArray() + byteArrayOf(0x00, 0x10)
    private val SUITE_ID = "HPKE".toByteArray() + byteArrayOf(0, 0x10, 0, 1, 0, 2)
    private val VERSION = "HPKE-v1".toByteArray()

    /** The message in `ct`. `agree` is ECDH of the private key with a public one. Throws `key-refused`. */
    fun open(
        publicKey: ByteArray,
        enc: ByteArray,
        ct: ByteArray,
        info: ByteArray,
        aad: ByteArray,
        agree: (ECPublicKey) -> ByteArray,
    ): ByteArray {
        val ephemeral = P256.publicKey(enc) ?: throw SealException(Reason.KEY_REFUSED, "enc")
        if (ct.size < TAG_BYTES) throw SealException(Reason.KEY_REFUSED, "ct")
        // Section 4.1, Decap
        val dh = agree(ephemeral)
        val eaePrk = labeledExtract(KEM_ID, ByteArray(0), "eae_prk", dh)
        val sharedSecret = labeledExpand(KEM_ID, eaePrk, "shared_secret", enc + publicKey, 32)
        // Section 5.1, KeySchedule in mode_base
        val pskIdHash = labeledExtract(SUITE_ID, ByteArray(0), "psk_id_hash", ByteArray(0))
        val infoHash = labeledExtract(SUITE_ID, ByteArray(0), "info_hash", info)
        val context = concat(byteArrayOf(0), pskIdHash, infoHash)
        val secret = labeledExtract(SUITE_ID, sharedSecret, "secret", ByteArray(0))
        val key = labeledExpand(SUITE_ID, secret, "key", context, 32)
        val nonce = labeledExpand(SUITE_ID, secret, "base_nonce", context, IV_BYTES)
        val message = gcmOpen(key, nonce, aad, ct, 0, ct.size)
        for (bytes in listOf(dh, eaePrk, sharedSecret, secret, key)) bytes.wipe()
        return message ?: throw SealException(Reason.KEY_REFUSED)
    }

    private fun labeledExtract(suiteId: ByteArray, salt: ByteArray, label: String, ikm: ByteArray): ByteArray =
        // An empty HMAC key is no key to Java's provider; 32 zero bytes are the same to HMAC.
        hmacSha256(if (salt.isEmpty()) ByteArray(32) else salt, VERSION, suiteId, label.toByteArray(), ikm)

    /** One block of HKDF-Expand: `length` is 32 at most. */
    private fun labeledExpand(suiteId: ByteArray, prk: ByteArray, label: String, info: ByteArray, length: Int): ByteArray {
        val sized = byteArrayOf(0, length.toByte())
        return hmacSha256(prk, sized, VERSION, suiteId, label.toByteArray(), info, byteArrayOf(1)).copyOf(length)
    }
}

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
        override suspend fun open(enc: ByteArray, ct: ByteArray, info: ByteArray, aad: ByteArray): ByteArray =
            Hpke.open(serialised, enc, ct, info, aad) { agree(privateKey, it, provider) }
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
