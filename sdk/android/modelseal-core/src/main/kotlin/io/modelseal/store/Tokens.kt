package io.modelseal.store

import io.modelseal.Licence
import io.modelseal.Manifest
import io.modelseal.RecipientKey
import io.modelseal.SealException
import io.modelseal.SealException.Reason
import io.modelseal.VerificationKey
import io.modelseal.api.GrantAnswer
import io.modelseal.protocol.ContainerHeader
import io.modelseal.protocol.ContainerKeys
import io.modelseal.protocol.Purpose
import io.modelseal.protocol.fromBase64url
import io.modelseal.protocol.grantInfo
import io.modelseal.protocol.place
import io.modelseal.protocol.toBase64url
import io.modelseal.protocol.tokenDigest
import io.modelseal.protocol.verifyLicence
import io.modelseal.protocol.verifyManifest
import io.modelseal.protocol.wipe

/** The tokens of a model and what they say. */
internal class ModelTokens(
    val manifestToken: String,
    val licenceToken: String,
    val manifest: Manifest,
    val licence: Licence,
)

/**
 * Verifies both tokens, and that the licence is for the manifest's model and, unless the publisher has
 * its copies marked, for the manifest's very bytes. Throws SealException.
 */
internal fun verifyTokens(manifestToken: String, licenceToken: String, keys: List<VerificationKey>): ModelTokens {
    val manifest = verifyManifest(manifestToken, keys)
    val licence = verifyLicence(licenceToken, keys)
    val isOfManifest = licence.model == manifest.model && licence.version == manifest.version &&
        licence.manifestDigest == tokenDigest(manifestToken).toBase64url()
    if (!isOfManifest) throw SealException(Reason.TOKEN_MISMATCH, "the licence is for another manifest")
    // Whoever signs licences must not decide on his own that other bytes than the publisher's are run.
    if (!manifest.isMarked && licence.sha256 != manifest.sha256) {
        throw SealException(Reason.TOKEN_MISMATCH, "other bytes than those of the manifest")
    }
    return ModelTokens(manifestToken, licenceToken, manifest, licence)
}

/** A grant that was believed, with the keys of its container. */
internal class AcceptedGrant(
    val tokens: ModelTokens,
    val keys: ContainerKeys,
    val url: String,
    val sizeBytes: Long,
    /** The grant of the copy that the delivery is a patch of. */
    val base: String?,
)

/**
 * Verifies a grant against the pinned keys, that it speaks of what was asked for, and opens its content
 * key (docs/mobile/protocol.md section 10, steps 1 to 4). Throws SealException.
 */
internal suspend fun acceptGrant(
    answer: GrantAnswer,
    recipientKey: RecipientKey,
    deviceId: String,
    model: String,
    version: String?,
    keys: List<VerificationKey>,
    nowMs: Long,
): AcceptedGrant {
    val tokens = verifyTokens(answer.manifest, answer.licence, keys)
    val licence = tokens.licence
    val isAsked = licence.grantId == answer.grantId && licence.deviceId == deviceId && licence.model == model &&
        (version == null || licence.version == version) && answer.suite == recipientKey.suite
    if (!isAsked) throw SealException(Reason.TOKEN_MISMATCH, "not what this device asked for")
    requireLicence(licence, nowMs)
    val enc = fromBase64url(answer.enc)
    val ct = fromBase64url(answer.ct)
    if (enc == null || ct == null) throw SealException(Reason.KEY_REFUSED, "not base64url")
    val info = grantInfo(recipientKey.suite, licence, tokenDigest(answer.manifest))
    val contentKey = recipientKey.open(enc, ct, info, tokenDigest(answer.licence))
    val derived = ContainerKeys.derive(contentKey, Purpose.DELIVERY)
    contentKey.wipe()
    return AcceptedGrant(tokens, derived, answer.url, answer.sizeBytes, answer.base)
}

/** Whether a licence is in its grace. Throws `licence-not-yet-valid` or `licence-expired`. */
internal fun requireLicence(licence: Licence, nowMs: Long): Boolean {
    if (nowMs < licence.notBefore * 1000) throw SealException(Reason.LICENCE_NOT_YET_VALID)
    if (nowMs < licence.expiresAt * 1000) return false
    if (nowMs < (licence.expiresAt + licence.offlineGraceSeconds) * 1000) return true
    throw SealException(Reason.LICENCE_EXPIRED)
}

/** Throws `token-mismatch` where a container is not laid out as the signed manifest says. */
internal fun requireLayout(header: ContainerHeader, manifest: Manifest) {
    val same = header.imprinted && header.plainBytes == manifest.sizeBytes &&
        header.layers == manifest.layers.map { it.place() }
    if (!same) throw SealException(Reason.TOKEN_MISMATCH, "the container is not laid out as the manifest")
}
