package io.modelseal.store

import io.modelseal.HardwareKey
import io.modelseal.SealException
import io.modelseal.SealException.Reason
import io.modelseal.protocol.randomBytes
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject

/**
 * The events of one account that wait to be told, in one file that outlives the app: sealed as the record
 * of a copy is, replaced as a whole, and changed by one process at a time. What is not what was written,
 * or lost its key for good, is as good as empty: nothing depends on events.
 */
internal class EventFile(private val files: CopyFiles, private val hardwareKey: HardwareKey) {
    private val name = "${files.tag}.events"

    /** Those that wait, the oldest first. Throws what is transient. */
    suspend fun read(): List<JsonObject> = load()?.use(::eventsOf).orEmpty()

    /** Puts what `change` makes of the waiting events in their place. Throws what is transient; then they are as before. */
    suspend fun change(change: (List<JsonObject>) -> List<JsonObject>) = files.locked("events") {
        (load() ?: fresh()).use { old ->
            val events = change(eventsOf(old))
            val json = JsonObject(mapOf(EVENTS to JsonArray(events)))
            answered {
                if (events.isEmpty()) files.storage.delete(name)
                else files.storage.replace(name, sealJson(name, json, old.storageKey, old.wrappedKey))
            }
        }
    }

    /** Forgets them. */
    suspend fun erase() = files.locked("events") { files.storage.delete(name) }

    private suspend fun load(): SealedJson? {
        val bytes = files.readAll(name) ?: return null
        return try {
            openJson(name, bytes, hardwareKey)
        } catch (error: SealException) {
            if (error.reason != Reason.STORAGE_CORRUPT) throw error
            null
        }
    }

    private suspend fun fresh(): SealedJson {
        val storageKey = randomBytes(STORAGE_KEY_BYTES)
        return SealedJson(JsonObject(emptyMap()), storageKey, usable { hardwareKey.wrap(storageKey) })
    }

    private fun eventsOf(file: SealedJson) = (file.json[EVENTS] as? JsonArray).orEmpty().filterIsInstance<JsonObject>()

    private companion object {
        const val EVENTS = "events"
        const val STORAGE_KEY_BYTES = 32
    }
}
