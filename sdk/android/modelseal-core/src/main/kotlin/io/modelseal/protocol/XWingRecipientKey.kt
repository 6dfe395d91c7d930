package io.modelseal.protocol

import io.modelseal.RecipientKey
import io.modelseal.SealException
import io.modelseal.SealException.Reason

private const val XWING = 0x647a
private const val PUBLIC_KEY_BYTES = 1216
private const val ENC_BYTES = 1120

/** HPKE with a pair of X-Wing's; the KEM itself, which neither Java 11 nor Android has, is `decapsulate`. */
internal class XWingRecipientKey(publicKey: ByteArray, private val decapsulate: (ByteArray) -> ByteArray?) : RecipientKey {
    private val serialised = publicKey.copyOf()

    init {
        require(publicKey.size == PUBLIC_KEY_BYTES) { "no public key of X-Wing" }
    }

    override val suite = "XWING-HKDF-SHA256-AES256GCM"
    override val publicKey get() = serialised.copyOf()

    override suspend fun open(enc: ByteArray, ct: ByteArray, info: ByteArray, aad: ByteArray): ByteArray {
        val secret = if (enc.size == ENC_BYTES) decapsulate(enc) else null
        if (secret?.size != 32) throw SealException(Reason.KEY_REFUSED, "enc")
        return Hpke.open(XWING, secret, ct, info, aad)
    }
}
