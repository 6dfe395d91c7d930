package io.modelseal.protocol

import io.modelseal.Licence
import io.modelseal.SealException
import io.modelseal.SealException.Reason
import io.modelseal.VerificationKey

/**
 * The licence that a delegate of a pinned licence key signed while it was certified. Says nothing of
 * whether it is valid now. Throws `token-malformed`, `signer-untrusted` or `signature-invalid`.
 */
internal fun verifyLicence(token: String, keys: List<VerificationKey>): Licence {
    val parsed = parseJws(token, "modelseal-licence+jwt", setOf("delegate"))
    val certificate = parseJws(parsed.header.text("delegate") ?: throw malformed("delegate"), "modelseal-delegate+jwt", setOf("kid"))
    certificate.requireSignature(certificate.pinnedKey("licence", keys))
    val delegate = certificate.payload
    val jwk = delegate.inner("jwk")
    if (jwk.text("kty") != "EC" || jwk.text("crv") != "P-256") throw malformed("jwk")
    val key = P256.publicKey(jwk.digest("x"), jwk.digest("y")) ?: throw SealException(Reason.SIGNATURE_INVALID)
    parsed.requireSignature(key)

    val payload = parsed.payload
    if (payload.wholeOrNull("v") != 1L) throw malformed("v")
    val licence = Licence(
        grantId = payload.identifier("grantId"),
        userId = payload.identifier("userId"),
        deviceId = payload.identifier("deviceId"),
        model = payload.identifier("model"),
        version = payload.identifier("version"),
        manifestDigest = payload.digest("manifestDigest").toBase64url(),
        sha256 = payload.digest("sha256").toBase64url(),
        issuedAt = payload.date("iat"),
        notBefore = payload.date("nbf"),
        expiresAt = payload.date("exp"),
        offlineGraceSeconds = payload.whole("offlineGraceSeconds"),
    )
    val certified = licence.issuedAt in delegate.date("nbf")..delegate.date("exp") &&
        licence.expiresAt + licence.offlineGraceSeconds <= delegate.date("licencesUntil")
    if (!certified) throw SealException(Reason.SIGNER_UNTRUSTED, "outside what the delegate may sign")
    return licence
}

/** What a renewed licence repeats of the request that it answers; null where it names none. The token must have been verified. */
internal fun nonceOf(token: String): String? = parseJws(token, "modelseal-licence+jwt", setOf("delegate")).payload.text("nonce")

/** HPKE's info for a grant: each member behind its length, so that no two bindings encode alike. */
internal fun grantInfo(suite: String, licence: Licence, manifestDigest: ByteArray): ByteArray = lengthPrefixed(
    "modelseal/1 grant".toByteArray(),
    suite.toByteArray(),
    licence.grantId.toByteArray(),
    licence.userId.toByteArray(),
    licence.deviceId.toByteArray(),
    licence.model.toByteArray(),
    licence.version.toByteArray(),
    manifestDigest,
    licence.expiresAt.toString().toByteArray(),
)
