package io.modelseal

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
}
