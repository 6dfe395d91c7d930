package io.modelseal.store

import io.modelseal.HardwareKey
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
import io.modelseal.typed
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put

/** What a sealed file holds, with its key. Close it to wipe that. */
internal class SealedJson(val json: JsonObject, val storageKey: ByteArray, val wrappedKey: ByteArray) : AutoCloseable {
    override fun close() = storageKey.wipe()
}

/**
 * A small file: sealed under a key that the storage key gives, and bound to its name and account, so that
 * no part of it can be changed, moved to another name or opened for another user.
 */
internal fun sealJson(name: String, json: JsonObject, storageKey: ByteArray, wrappedKey: ByteArray): ByteArray {
    val key = deriveKey(storageKey, "storage record")
    val cell = SecureCell.seal(key, contextOf(name), json.toString().toByteArray())
    key.wipe()
    return buildJsonObject {
        put("v", 2)
        put("wrappedKey", wrappedKey.toBase64url())
        put("sealed", cell.toBase64url())
    }.toString().toByteArray()
}

/**
 * Throws `storage-corrupt` for anything but what `sealJson` made under this hardware key for this name,
 * and `key-unavailable` where the key cannot be used now.
 */
internal suspend fun openJson(name: String, bytes: ByteArray, hardwareKey: HardwareKey): SealedJson {
    val file = parseJson(bytes) as? JsonObject
    val wrappedKey = file?.text("wrappedKey")?.let(::fromBase64url)
    val sealed = file?.text("sealed")?.let(::fromBase64url)
    if (file?.wholeOrNull("v") != 2L || wrappedKey == null || sealed == null) throw corrupt()
    val storageKey = usable { hardwareKey.unwrap(wrappedKey) }
    val key = deriveKey(storageKey, "storage record")
    val json = SecureCell.open(key, contextOf(name), sealed)?.let(::parseJson) as? JsonObject
    key.wipe()
    if (json == null) {
        storageKey.wipe()
        throw corrupt()
    }
    return SealedJson(json, storageKey, wrappedKey)
}

/** What a key throws otherwise than by its contract says nothing of the file: it may work later. */
internal suspend fun usable(work: suspend () -> ByteArray): ByteArray =
    typed({ SealException(Reason.KEY_UNAVAILABLE, cause = it) }, work)

internal fun corrupt(detail: String = "record") = SealException(Reason.STORAGE_CORRUPT, detail)

private fun contextOf(name: String) = "modelseal/1 record $name".toByteArray()
