package io.modelseal.store

import io.modelseal.SealException
import io.modelseal.VerificationKey
import io.modelseal.protocol.ReleaseRecord
import io.modelseal.protocol.RolloutDevice
import io.modelseal.protocol.isWithdrawn
import io.modelseal.protocol.requireCurrent
import io.modelseal.protocol.requireOwn
import io.modelseal.protocol.toBase64url
import io.modelseal.protocol.verifyReleaseRecord

/**
 * The newest release record that this device has seen of each model, kept past the end of copies:
 * whoever answers in the publisher's place cannot take his word back.
 */
internal class ReleaseMemory(private val files: CopyFiles, private val pinnedKeys: List<VerificationKey>) {
    /** The last record that was accepted, whether it is over or not. */
    suspend fun last(model: String): ReleaseRecord? {
        val bytes = files.readAll(name(model)) ?: return null
        return try {
            verifyReleaseRecord(bytes.decodeToString(), pinnedKeys)
        } catch (_: SealException) {
            // A key that is pinned no more, or a damaged file: nothing is known.
            null
        }
    }

    /** Accepts what was delivered by its record, and remembers that; `latestFor` is null where a version was named. Throws SealException. */
    suspend fun accept(tokens: ModelTokens, release: String, latestFor: RolloutDevice?, nowMs: Long) {
        val record = verified(tokens.manifest.model, release, nowMs)
        if (latestFor != null) record.requireOwn(latestFor, tokens.manifest.version, tokens.licence.manifestDigest)
        if (record.isWithdrawn(tokens.manifest)) throw SealException(SealException.Reason.TOKEN_MISMATCH, "taken back")
        remember(tokens.manifest.model, release)
    }

    /** What is on offer, by an answer that delivers nothing, such as a list; remembered likewise. Throws SealException. */
    suspend fun learn(model: String, release: String, nowMs: Long): ReleaseRecord =
        verified(model, release, nowMs).also { remember(model, release) }

    private suspend fun verified(model: String, release: String, nowMs: Long): ReleaseRecord =
        verifyReleaseRecord(release, pinnedKeys).also { it.requireCurrent(model, last(model)?.serial ?: 0, nowMs) }

    private suspend fun remember(model: String, release: String) =
        answered { files.storage.replace(name(model), release.toByteArray()) }

    /** Forgets everything of this account: when its device is given away. */
    suspend fun forget() = answered {
        val own = files.storage.list().filter { it.startsWith("${files.tag}.") && it.endsWith(".release") }
        for (name in own) files.storage.delete(name)
    }

    private fun name(model: String) = "${files.tag}.${model.toByteArray().toBase64url()}.release"
}
