package io.modelseal.store

import io.modelseal.SealException
import io.modelseal.SealException.Reason
import io.modelseal.VerificationKey
import io.modelseal.protocol.ReleaseRecord
import io.modelseal.protocol.require
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

    /** Accepts what was delivered by its record, and remembers that. Throws SealException. */
    suspend fun accept(tokens: ModelTokens, release: String?, isNewest: Boolean, nowMs: Long) {
        val highest = last(tokens.manifest.model)?.serial ?: 0
        if (release == null) {
            if (highest > 0) throw SealException(Reason.RELEASE_ROLLED_BACK, "no record any more")
            return
        }
        verifyReleaseRecord(release, pinnedKeys)
            .require(tokens.manifest, tokens.licence.manifestDigest, isNewest, highest, nowMs)
        answered { files.storage.replace(name(tokens.manifest.model), release.toByteArray()) }
    }

    /** Forgets everything of this account: when its device is given away. */
    suspend fun forget() = answered {
        val own = files.storage.list().filter { it.startsWith("${files.tag}.") && it.endsWith(".release") }
        for (name in own) files.storage.delete(name)
    }

    private fun name(model: String) = "${files.tag}.${model.toByteArray().toBase64url()}.release"
}
