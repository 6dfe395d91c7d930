package io.modelseal.protocol

import io.modelseal.SealException
import io.modelseal.SealException.Reason

/** HPKE (RFC 9180), base mode, one message: any KEM, HKDF-SHA256, AES-256-GCM. */
internal object Hpke {
    private val VERSION = "HPKE-v1".toByteArray()

    /** The message in `ct`, from the secret of the KEM of this number; that is wiped. Throws `key-refused`. */
    fun open(kemId: Int, sharedSecret: ByteArray, ct: ByteArray, info: ByteArray, aad: ByteArray): ByteArray {
        if (ct.size < TAG_BYTES) throw SealException(Reason.KEY_REFUSED, "ct")
        val suiteId = concat("HPKE".toByteArray(), u16be(kemId), byteArrayOf(0, 1, 0, 2))
        // Section 5.1, KeySchedule in mode_base
        val pskIdHash = labeledExtract(suiteId, ByteArray(0), "psk_id_hash", ByteArray(0))
        val infoHash = labeledExtract(suiteId, ByteArray(0), "info_hash", info)
        val context = concat(byteArrayOf(0), pskIdHash, infoHash)
        val secret = labeledExtract(suiteId, sharedSecret, "secret", ByteArray(0))
        val key = labeledExpand(suiteId, secret, "key", context, 32)
        val nonce = labeledExpand(suiteId, secret, "base_nonce", context, IV_BYTES)
        val message = ByteArray(ct.size)
        val opened = gcmOpen(key, nonce, aad, ct, 0, ct.size, message)
        for (bytes in listOf(sharedSecret, secret, key)) bytes.wipe()
        if (!opened) throw SealException(Reason.KEY_REFUSED)
        return message.copyOf(ct.size - TAG_BYTES).also { message.wipe() }
    }

    /** Section 4.1, the end of Decap and ExtractAndExpand: the KEM's secret from that of Diffie and Hellman, which is wiped. */
    fun dhkemSecret(kemId: Int, dh: ByteArray, enc: ByteArray, publicKey: ByteArray): ByteArray {
        val suiteId = concat("KEM".toByteArray(), u16be(kemId))
        val eaePrk = labeledExtract(suiteId, ByteArray(0), "eae_prk", dh)
        val sharedSecret = labeledExpand(suiteId, eaePrk, "shared_secret", enc + publicKey, 32)
        for (bytes in listOf(dh, eaePrk)) bytes.wipe()
        return sharedSecret
    }

    private fun u16be(value: Int) = byteArrayOf((value shr 8).toByte(), value.toByte())

    private fun labeledExtract(suiteId: ByteArray, salt: ByteArray, label: String, ikm: ByteArray): ByteArray =
        // An empty HMAC key is no key to Java's provider; 32 zero bytes are the same to HMAC.
        hmacSha256(if (salt.isEmpty()) ByteArray(32) else salt, VERSION, suiteId, label.toByteArray(), ikm)

    /** One block of HKDF-Expand: `length` is 32 at most. */
    private fun labeledExpand(suiteId: ByteArray, prk: ByteArray, label: String, info: ByteArray, length: Int): ByteArray {
        val sized = byteArrayOf(0, length.toByte())
        return hmacSha256(prk, sized, VERSION, suiteId, label.toByteArray(), info, byteArrayOf(1)).copyOf(length)
    }
}
