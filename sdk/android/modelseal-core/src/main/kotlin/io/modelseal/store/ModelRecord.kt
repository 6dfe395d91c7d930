package io.modelseal.store

import io.modelseal.HardwareKey
import io.modelseal.ModelSealException
import io.modelseal.SealException
import io.modelseal.SealException.Reason
import io.modelseal.protocol.SecureCell
import io.modelseal.protocol.deriveKey
import io.modelseal.protocol.fromBase64url
import io.modelseal.protocol.parseJson
import io.modelseal.protocol.text
import io.modelseal.protocol.toBase64url
import io.modelseal.protocol.wholeOrNull
import io.modelseal.protocol.wipe
import kotlinx.coroutines.CancellationException
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put

/** What lies beside a stored model: its tokens and the clock's memory. */
internal class ModelRecord(
    val manifest: String,
    val licence: String,
    /** The latest time this device has seen, in milliseconds since 1970. */
    val seenMs: Long,
    /** What was asked for: `latest`, or a version. */
    val asked: String,
    /** Of a copy that is not complete: how to go on. */
    val delivery: JsonObject? = null,
) {
    fun with(licence: String = this.licence, seenMs: Long = this.seenMs, delivery: JsonObject? = this.delivery) =
        ModelRecord(manifest, licence, seenMs, asked, delivery)
}

/** A record with the key of its model. Close it to wipe that. */
internal class LoadedRecord(val record: ModelRecord, val storageKey: ByteArray, val wrappedKey: ByteArray) : AutoCloseable {
    override fun close() = storageKey.wipe()
}

/**
 * The file of a record: sealed under a key that the storage key gives, and bound to its name and account,
 * so that no part of it can be changed, moved to another model or opened for another user.
 */
internal fun encodeRecord(context: String, record: ModelRecord, storageKey: ByteArray, wrappedKey: ByteArray): ByteArray {
    val json = buildJsonObject {
        put("manifest", record.manifest)
        put("licence", record.licence)
        put("seenMs", record.seenMs)
        put("asked", record.asked)
        if (record.delivery != null) put("delivery", record.delivery)
    }
    val key = deriveKey(storageKey, "storage record")
    val cell = SecureCell.seal(key, contextOf(context), json.toString().toByteArray())
    key.wipe()
    return buildJsonObject {
        put("v", 2)
        put("wrappedKey", wrappedKey.toBase64url())
        put("sealed", cell.toBase64url())
    }.toString().toByteArray()
}

/**
 * Throws `storage-corrupt` for anything but what `encodeRecord` made under this hardware key for this
 * context, and `key-unavailable` where the key cannot be used now.
 */
internal suspend fun decodeRecord(context: String, bytes: ByteArray, hardwareKey: HardwareKey): LoadedRecord {
    val file = parseJson(bytes) as? JsonObject
    val wrappedKey = file?.text("wrappedKey")?.let(::fromBase64url)
    val sealed = file?.text("sealed")?.let(::fromBase64url)
    if (file?.wholeOrNull("v") != 2L || wrappedKey == null || sealed == null) throw corrupt()
    val storageKey = usable { hardwareKey.unwrap(wrappedKey) }
    val key = deriveKey(storageKey, "storage record")
    val json = SecureCell.open(key, contextOf(context), sealed)?.let(::parseJson) as? JsonObject
    key.wipe()
    val record = json?.let(::readRecord)
    if (record == null) {
        storageKey.wipe()
        throw corrupt()
    }
    return LoadedRecord(record, storageKey, wrappedKey)
}

/** What a key throws otherwise than by its contract says nothing of the copy: it may work later. */
internal suspend fun usable(work: suspend () -> ByteArray): ByteArray = try {
    work()
} catch (known: ModelSealException) {
    throw known
} catch (cancelled: CancellationException) {
    throw cancelled
} catch (cause: Exception) {
    throw SealException(Reason.KEY_UNAVAILABLE, cause = cause)
}

private fun readRecord(json: JsonObject): ModelRecord? {
    val manifest = json.text("manifest")
    val licence = json.text("licence")
    val seenMs = json.wholeOrNull("seenMs")
    val asked = json.text("asked")
    if (manifest == null || licence == null || seenMs == null || asked == null) return null
    return ModelRecord(manifest, licence, seenMs, asked, json["delivery"] as? JsonObject)
}

private fun contextOf(name: String) = "modelseal/1 record $name".toByteArray()

internal fun corrupt(detail: String = "record") = SealException(Reason.STORAGE_CORRUPT, detail)
