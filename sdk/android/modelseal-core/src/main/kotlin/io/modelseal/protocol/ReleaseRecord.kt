package io.modelseal.protocol

import io.modelseal.Manifest
import io.modelseal.SealException
import io.modelseal.SealException.Reason
import io.modelseal.VerificationKey

private val VERSION_NAME = Regex(".{1,256}")

/** Which version of a model is the newest, by who published it (docs/mobile/protocol.md section 8). */
internal class ReleaseRecord(
    val model: String,
    /** Grows with each record of the model. */
    val serial: Long,
    val rules: List<Rule>,
    /** What was published before is taken back. Seconds since 1970, as the next. */
    val minPublishedAt: Long,
    val revoked: List<String>,
    val expiresAt: Long,
) {
    /** The versions that it offers to some device. */
    val versions: Set<String> get() = rules.filter { !it.isHalted }.flatMap { it.variants }.map { it.version }.toSet()
}

/** The record that a pinned publisher's key signed. Throws `token-malformed`, `signer-untrusted` or `signature-invalid`. */
internal fun verifyReleaseRecord(token: String, keys: List<VerificationKey>): ReleaseRecord {
    val parsed = parseJws(token, "modelseal-release+jwt", setOf("kid"))
    parsed.requireSignature(parsed.pinnedKey("manifest", keys))
    val payload = parsed.payload
    if (payload.wholeOrNull("v") != 1L) throw malformed("v")
    val offered = payload.objects("offered", 0..MAX_RULES).map(::readOffer)
    val said = if ("rules" in payload) payload.objects("rules", 1..MAX_RULES).map(::readRule) else null
    val rules = said ?: offered
    // Whoever is in no rollout must be left with something, and all readers be told the same.
    if (rules.lastOrNull()?.isForAll != true || said != null && offered != offersOf(said)) throw malformed("offered")
    payload.date("iat")
    return ReleaseRecord(
        payload.identifier("model"),
        payload.whole("serial", 1..(1L shl 53) - 1),
        rules,
        if ("minPublishedAt" in payload) payload.date("minPublishedAt") else 0,
        payload.textsOrNull("revoked", 64, VERSION_NAME).orEmpty(),
        payload.date("exp"),
    )
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

/** Throws `token-mismatch` unless the version is the device's own, for what was delivered to who asked for the newest. */
internal fun ReleaseRecord.requireOwn(device: RolloutDevice, version: String, manifestDigest: String) {
    val own = offerFor(model, rules, device)
    if (own?.version != version || own.manifestDigest != manifestDigest) {
        throw SealException(Reason.TOKEN_MISMATCH, "not the version on offer")
    }
}

/** Whether the publisher took the version back: by its name, or as one of those before the least. */
internal fun ReleaseRecord.isWithdrawn(manifest: Manifest): Boolean =
    manifest.publishedAt < minPublishedAt || manifest.version in revoked
