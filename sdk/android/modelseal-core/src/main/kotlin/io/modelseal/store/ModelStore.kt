package io.modelseal.store

import io.modelseal.HardwareKey
import io.modelseal.Licence
import io.modelseal.Manifest
import io.modelseal.OpenModel
import io.modelseal.Renewal
import io.modelseal.SealException
import io.modelseal.SealException.Reason
import io.modelseal.VerificationKey
import io.modelseal.protocol.ContainerKeys
import io.modelseal.protocol.Purpose
import io.modelseal.protocol.fromBase64url
import io.modelseal.protocol.isWithdrawn
import io.modelseal.protocol.nonceOf

/** A clock is set back by this much in the course of ordinary corrections. */
private const val CLOCK_TOLERANCE_MS = 5 * 60_000L

/** What says nothing of a copy: it may be read later. */
private val TRANSIENT = setOf(Reason.KEY_UNAVAILABLE, Reason.STORAGE_UNAVAILABLE, Reason.STORAGE_FULL, Reason.CLOSED)

internal fun isTransient(error: SealException): Boolean = error.reason in TRANSIENT

/** A complete copy on this device. */
internal class StoredCopy(
    val manifest: Manifest,
    val licence: Licence,
    val asked: String,
    /** When the app last opened it, in milliseconds since 1970; null where it has not yet. */
    val openedMs: Long?,
) {
    val grantId: String get() = licence.grantId
}

/** The copies of one account on this device, encrypted anew under keys that the hardware wraps. */
internal class ModelStore(
    val files: CopyFiles,
    private val hardwareKey: HardwareKey,
    private val pinnedKeys: List<VerificationKey>,
) {
    private val storage get() = files.storage

    /** What the publisher last said is the newest. */
    val releases = ReleaseMemory(files, pinnedKeys)

    /** What waits to be told. */
    val events = EventFile(files, hardwareKey)

    /** Those that can be read; one that never will be is erased. Throws what is transient. */
    suspend fun copies(): List<StoredCopy> = files.grants("record").mapNotNull { grantId ->
        try {
            load(files.record(grantId)).use { loaded ->
                val tokens = tokensOf(loaded.record)
                StoredCopy(tokens.manifest, tokens.licence, loaded.record.asked, loaded.record.openedMs)
            }
        } catch (error: SealException) {
            if (isTransient(error)) throw error
            if (error.reason == Reason.STORAGE_CORRUPT) erase(grantId)
            null
        }
    }

    /**
     * A stored model, if its licence allows it now; once that has ended the model is erased. Throws
     * `licence-expired`, `licence-not-yet-valid`, `clock-rolled-back`, `storage-corrupt`, after a change
     * of the pinned keys `signer-untrusted`, and what is transient.
     */
    suspend fun open(grantId: String, nowMs: Long, onClose: (OpenModel) -> Unit): OpenModel =
        reading(grantId, nowMs, isUse = true) { tokens, inGrace, reader ->
            OpenModel(tokens.manifest, tokens.licence, inGrace, reader, onClose)
        }

    /** Throws what `open` throws, and counts as no use of the model. */
    suspend fun requireOpening(grantId: String, nowMs: Long): Unit = reading(grantId, nowMs) { _, _, reader -> reader.wipe() }

    /** A stored model that a patch starts from, if its licence allows it now. Throws what `open` throws. */
    suspend fun openBase(grantId: String, nowMs: Long): PatchBase =
        reading(grantId, nowMs) { tokens, _, reader -> PatchBase(fromBase64url(tokens.licence.sha256) ?: ByteArray(0), reader) }

    private suspend fun <T> reading(
        grantId: String,
        nowMs: Long,
        isUse: Boolean = false,
        use: (ModelTokens, Boolean, LayerReader) -> T,
    ): T {
        val name = files.record(grantId)
        return load(name).use { loaded ->
            val record = loaded.record
            val tokens = tokensOf(record)
            if (nowMs < record.seenMs - CLOCK_TOLERANCE_MS) throw SealException(Reason.CLOCK_ROLLED_BACK)
            val inGrace = requireOrErase(grantId, tokens.licence, nowMs)
            if (isUse) {
                val seenMs = maxOf(nowMs, record.seenMs)
                write(name, record.with(seenMs = seenMs, openedMs = seenMs), loaded)
            }
            val keys = ContainerKeys.derive(loaded.storageKey, Purpose.STORAGE)
            try {
                use(tokens, inGrace, LayerReader.open(storage, files.model(grantId), keys))
            } catch (error: Exception) {
                keys.wipe()
                throw error
            }
        }
    }

    /**
     * Puts a renewed licence in the place of the old one. Throws `token-mismatch` for one of another copy,
     * and for an answer to another request: renewals that somebody put by do not make time pass as he likes.
     */
    suspend fun renew(grantId: String, renewal: Renewal) {
        val licenceToken = renewal.licence
        val name = files.record(grantId)
        load(name).use { loaded ->
            val old = tokensOf(loaded.record).licence
            val renewed = verifyTokens(loaded.record.manifest, licenceToken, pinnedKeys).licence
            val isSameCopy = renewed.grantId == old.grantId && renewed.userId == old.userId &&
                renewed.deviceId == old.deviceId && renewed.sha256 == old.sha256
            val isAnswer = nonceOf(licenceToken) == renewal.nonce
            if (!isSameCopy || !isAnswer || renewed.issuedAt < old.issuedAt) {
                throw SealException(Reason.TOKEN_MISMATCH, "not a renewal of this licence")
            }
            // The service's time heals a clock that was once set ahead. A licence that was here already brings none.
            val seenMs = if (renewed.issuedAt > old.issuedAt) renewed.issuedAt * 1000 else loaded.record.seenMs
            write(name, loaded.record.with(licence = licenceToken, seenMs = seenMs), loaded)
        }
    }

    suspend fun erase(grantId: String): Unit = files.erase(grantId)

    /** Deletes every copy of this account, readable or not, complete or not. */
    suspend fun eraseAll() {
        for (kind in KINDS) for (grantId in files.grants(kind)) erase(grantId)
    }

    /**
     * Erases every copy whose licence has ended or that is not what was written, gives their grants, and
     * erases what is left of installations that nobody can go on with. What cannot be read now stays.
     */
    suspend fun eraseExpired(nowMs: Long): List<String> {
        val erased = mutableListOf<String>()
        for (kind in listOf("record", "pending")) {
            for (grantId in files.grants(kind)) {
                try {
                    load(if (kind == "record") files.record(grantId) else files.pending(grantId)).use {
                        requireOrErase(grantId, tokensOf(it.record).licence, nowMs)
                    }
                } catch (error: SealException) {
                    if (error.reason == Reason.STORAGE_CORRUPT) erase(grantId)
                    val isGone = error.reason == Reason.STORAGE_CORRUPT || error.reason == Reason.LICENCE_EXPIRED
                    if (isGone && kind == "record") erased += grantId
                }
            }
        }
        val known = (files.grants("record") + files.grants("pending")).toSet()
        for (grantId in files.grants("model")) if (grantId !in known) erase(grantId)
        for (name in files.nobodys()) answered { storage.delete(name) }
        return erased
    }

    /** Erases the copies that the publisher's last word takes back. Throws what is transient. */
    suspend fun eraseWithdrawn() {
        for (copy in copies()) {
            if (releases.last(copy.manifest.model)?.isWithdrawn(copy.manifest) == true) erase(copy.grantId)
        }
    }

    suspend fun load(name: String): LoadedRecord {
        val bytes = files.readAll(name) ?: throw corrupt("no record")
        return decodeRecord(name, bytes, hardwareKey)
    }

    suspend fun write(name: String, record: ModelRecord, keys: LoadedRecord) = answered {
        storage.replace(name, encodeRecord(name, record, keys.storageKey, keys.wrappedKey))
    }

    suspend fun wrap(storageKey: ByteArray): ByteArray = usable { hardwareKey.wrap(storageKey) }

    fun tokensOf(record: ModelRecord): ModelTokens = verifyTokens(record.manifest, record.licence, pinnedKeys)

    private suspend fun requireOrErase(grantId: String, licence: Licence, nowMs: Long): Boolean = try {
        requireLicence(licence, nowMs)
    } catch (error: SealException) {
        if (error.reason == Reason.LICENCE_EXPIRED) erase(grantId)
        throw error
    }

    private companion object {
        val KINDS = listOf("record", "pending", "model")
    }
}
