package io.modelseal

import io.modelseal.api.ReportAnswer
import io.modelseal.protocol.text
import io.modelseal.store.ModelStore
import java.util.concurrent.atomic.AtomicBoolean
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.serialization.json.JsonObject

/**
 * Events that wait to be told, and the copies that the answers name. Events are stored at once, to outlive
 * the app; while key or storage cannot be used they wait in memory, and the next event or report tries again.
 */
internal class Reports(
    private val client: DeviceClient,
    private val store: ModelStore,
    private val nowMs: () -> Long,
) {
    /** Saves end by themselves, also after the app's part that noted the event. */
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.IO)
    private val saving = Mutex()
    private val isSaveDue = AtomicBoolean()
    private val lock = Any()

    /** In memory only. */
    private val unsaved = ArrayDeque<JsonObject>()

    /** Told, and in the file still: it could not be written. */
    private val told = mutableSetOf<String>()
    private var isClosed = false

    /** Notes an event for the next report; nothing after `close`. */
    fun observe(event: ClientEvent) {
        synchronized(lock) {
            if (isClosed) return
            unsaved += event.complete(nowMs())
            while (unsaved.size > MAX_WAITING) unsaved.removeFirst()
        }
        if (isSaveDue.compareAndSet(false, true)) scope.launch { save() }
    }

    /** Notes no more. */
    fun close() = synchronized(lock) { isClosed = true }

    /** Stores what was noted, where that can be now. */
    suspend fun save() = saving.withLock {
        isSaveDue.set(false)
        try {
            while (synchronized(lock) { unsaved.isNotEmpty() || told.isNotEmpty() }) saveOnce()
        } catch (_: SealException) {
            // They wait in memory.
        }
    }

    /** Nothing that was noted is told. */
    suspend fun forget() {
        synchronized(lock) { unsaved.clear() }
        store.events.erase()
    }

    /** The user's devices that wait for this one's word. Of several calls and processes one sends at a time. */
    suspend fun send(): List<WaitingDevice> = store.files.locked("reports") {
        val held = store.files.grants("record").take(MAX_HELD)
        var answer: ReportAnswer
        do {
            save()
            val waiting = waiting()
            val batch = waiting.take(MAX_EVENTS)
            answer = tell(batch, held)
            val ids = batch.map(::idOf).toSet()
            synchronized(lock) {
                told += ids
                unsaved.removeAll { idOf(it) in ids }
            }
            for (grantId in answer.erase) store.erase(grantId)
        } while (batch.size < waiting.size)
        save()
        answer.waiting
    }

    /** What is invalid for the service, such as a type newer than it, is left out: it holds up no other. */
    private suspend fun tell(batch: List<JsonObject>, held: List<String>): ReportAnswer = try {
        client.report(batch, held)
    } catch (refused: ApiException) {
        if (refused.code !in INVALID || batch.isEmpty()) throw refused
        val half = batch.size / 2
        if (half > 0) tell(batch.take(half), held)
        tell(if (half > 0) batch.drop(half) else emptyList(), held)
    }

    private suspend fun waiting(): List<JsonObject> {
        val stored = try {
            store.events.read()
        } catch (_: SealException) {
            // Out of reach for a moment.
            emptyList()
        }
        return synchronized(lock) {
            (stored + unsaved).distinctBy(::idOf).filter { idOf(it) !in told }.takeLast(MAX_WAITING)
        }
    }

    private suspend fun saveOnce() {
        var saved = emptySet<String>()
        var gone = emptySet<String>()
        store.events.change { stored ->
            synchronized(lock) {
                saved = unsaved.map(::idOf).toSet()
                gone = told.toSet()
                (stored.filter { idOf(it) !in gone } + unsaved).takeLast(MAX_WAITING)
            }
        }
        synchronized(lock) {
            unsaved.removeAll { idOf(it) in saved }
            told -= gone
        }
    }

    private fun idOf(event: JsonObject): String = event.text("eventId").orEmpty()

    private companion object {
        /** What one report takes. */
        const val MAX_EVENTS = 100
        const val MAX_HELD = 64

        /** A phone that is offline for weeks keeps the newest. */
        const val MAX_WAITING = 1000

        /** Refusals of a report for what one of its events says. */
        val INVALID = setOf("request_invalid", "body_too_large")
    }
}
