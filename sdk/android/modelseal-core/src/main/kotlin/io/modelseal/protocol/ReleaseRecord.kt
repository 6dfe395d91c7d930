package io.modelseal.protocol

import io.modelseal.SealException
import io.modelseal.SealException.Reason
import io.modelseal.VerificationKey
import kotlinx.serialization.json.JsonObject

/** A version that may be given to who asks for the newest. */
internal data class OfferedVersion(val version: String, val manifestDigest: String)

/** Which version of a model is the newest, by who published it (docs/mobile/protocol.md section 8). */
internal class ReleaseRecord(
    val model: String,
    /** Grows with each record of the model. */
    val serial: Long,
    val offered: List<OfferedVersion>,
    /** Seconds since 1970. */
    val expiresAt: Long,
)

/** The record that a pinned publisher's key signed. Throws `token-malformed`, `signer-untrusted` or `signature-invalid`. */
internal fun verifyReleaseRecord(token: String, keys: List<VerificationKey>): ReleaseRecord {
    val parsed = parseJws(token, "modelseal-release+jwt", setOf("kid"))
    parsed.requireSignature(parsed.pinnedKey("manifest", keys))
    val payload = parsed.payload
    if (payload.wholeOrNull("v") != 1L) throw malformed("v")
    val offered = payload.list("offered").map {
        val offer = it as? JsonObject ?: throw malformed("offered")
        OfferedVersion(offer.identifier("version"), offer.digest("manifestDigest").toBase64url())
    }
    if (offered.size !in 1..8) throw malformed("offered")
    payload.date("iat")
    return ReleaseRecord(payload.identifier("model"), payload.whole("serial", 1..(1L shl 53) - 1), offered, payload.date("exp"))
}

/**
 * Throws `token-mismatch` where the record is another model's, `release-expired`, and
 * `release-rolled-back` where the device has seen a newer record.
 */
internal fun ReleaseRecord.requireCurrent(asked: String, highestSerial: Long, nowMs: Long) {
    if (model != asked) throw SealException(Reason.TOKEN_MISMATCH, "a record of another model")
    if (serial < highestSerial) throw SealException(Reason.RELEASE_ROLLED_BACK, "$serial after $highestSerial")
    if (nowMs >= expiresAt * 1000) throw SealException(Reason.RELEASE_EXPIRED)
}

/** Throws `token-mismatch` unless the version is on offer, for what was delivered to who asked for the newest. */
internal fun ReleaseRecord.requireOffered(version: String, manifestDigest: String) {
    if (OfferedVersion(version, manifestDigest) !in offered) {
        throw SealException(Reason.TOKEN_MISMATCH, "not the version on offer")
    }
}
