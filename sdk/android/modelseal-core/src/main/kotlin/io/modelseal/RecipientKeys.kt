package io.modelseal

import io.modelseal.protocol.XWingRecipientKey
import io.modelseal.protocol.p256RecipientKey
import io.modelseal.protocol.softwareRecipientKey
import java.security.PrivateKey
import java.security.interfaces.ECPublicKey

/** Key pairs for one grant each. */
public object RecipientKeys {
    /** In this process's memory. */
    public fun software(): RecipientKey = softwareRecipientKey()

    /** A P-256 pair whose private half a provider of JCA holds, such as `AndroidKeyStore`; it must allow ECDH. */
    public fun p256(publicKey: ECPublicKey, privateKey: PrivateKey, provider: String): RecipientKey =
        p256RecipientKey(publicKey, privateKey, provider)

    /**
     * A pair of X-Wing's (KEM 0x647A), in whatever knows ML-KEM: `modelseal-xwing`, or a provider of the app's.
     * `decapsulate` gives the secret of 32 bytes in `enc`, of 1120, which is wiped after use; null where it
     * refuses. Throws IllegalArgumentException where `publicKey` has not 1216 bytes.
     */
    public fun xwing(publicKey: ByteArray, decapsulate: (ByteArray) -> ByteArray?): RecipientKey =
        XWingRecipientKey(publicKey, decapsulate)
}
