package io.modelseal.xwing

import io.modelseal.RecipientKey
import io.modelseal.RecipientKeys
import java.security.SecureRandom
import org.bouncycastle.pqc.crypto.xwing.XWingKEMExtractor
import org.bouncycastle.pqc.crypto.xwing.XWingPrivateKeyParameters

private const val SEED_BYTES = 32

/**
 * Key pairs of X-Wing (https://datatracker.ietf.org/doc/draft-connolly-cfrg-xwing-kem/): ML-KEM-768 with X25519, so
 * that who records a grant today opens it by no quantum computer later. Give it to `ModelSealConfig` as
 * `createRecipientKey = { XWing.recipientKey() }`.
 */
public object XWing {
    private val random = SecureRandom()

    /** In this process's memory: no phone's hardware holds ML-KEM keys for agreement yet. */
    public fun recipientKey(): RecipientKey = recipientKey(ByteArray(SEED_BYTES).also(random::nextBytes))

    internal fun recipientKey(seed: ByteArray): RecipientKey {
        val publicKey = XWingPrivateKeyParameters(seed).publicKeyParameters.encoded
        val key = RecipientKeys.xwing(publicKey) { decapsulate(seed, it) }
        return object : RecipientKey by key {
            override fun destroy() = seed.fill(0)
        }
    }

    internal fun decapsulate(seed: ByteArray, enc: ByteArray): ByteArray? = try {
        XWingKEMExtractor(XWingPrivateKeyParameters(seed)).extractSecret(enc)
    } catch (_: IllegalArgumentException) {
        null
    } catch (_: IllegalStateException) {
        // X25519 with a point of low order.
        null
    }
}
