package io.modelseal.store

import io.modelseal.HardwareKey
import io.modelseal.protocol.text
import io.modelseal.protocol.wholeOrNull
import io.modelseal.protocol.wipe
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
    /** When the app last opened it, as `seenMs`; null where it has not yet. */
    val openedMs: Long? = null,
) {
    fun with(
        licence: String = this.licence,
        seenMs: Long = this.seenMs,
        delivery: JsonObject? = this.delivery,
        openedMs: Long? = this.openedMs,
    ) = ModelRecord(manifest, licence, seenMs, asked, delivery, openedMs)
}

/** A record with the key of its model. Close it to wipe that. */
internal class LoadedRecord(val record: ModelRecord, val storageKey: ByteArray, val wrappedKey: ByteArray) : AutoCloseable {
    override fun close() = storageKey.wipe()
}

/** The file of a record, bound to its `name`. */
internal fun encodeRecord(name: String, record: ModelRecord, storageKey: ByteArray, wrappedKey: ByteArray): ByteArray {
    val json = buildJsonObject {
        put("manifest", record.manifest)
        put("licence", record.licence)
        put("seenMs", record.seenMs)
        put("asked", record.asked)
        if (record.delivery != null) put("delivery", record.delivery)
        if (record.openedMs != null) put("openedMs", record.openedMs)
    }
    return sealJson(name, json, storageKey, wrappedKey)
}

/** Throws as `openJson` does. */
internal suspend fun decodeRecord(name: String, bytes: ByteArray, hardwareKey: HardwareKey): LoadedRecord {
    val file = openJson(name, bytes, hardwareKey)
    val record = readRecord(file.json)
    if (record == null) {
        file.close()
        throw corrupt()
    }
    return LoadedRecord(record, file.storageKey, file.wrappedKey)
}

private fun readRecord(json: JsonObject): ModelRecord? {
    val manifest = json.text("manifest")
    val licence = json.text("licence")
    val seenMs = json.wholeOrNull("seenMs")
    val asked = json.text("asked")
    if (manifest == null || licence == null || seenMs == null || asked == null) return null
    return ModelRecord(manifest, licence, seenMs, asked, json["delivery"] as? JsonObject, json.wholeOrNull("openedMs"))
}
