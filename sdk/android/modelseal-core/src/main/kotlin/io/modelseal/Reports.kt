package io.modelseal

import io.modelseal.api.ReportAnswer
import io.modelseal.store.ModelStore
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.serialization.json.JsonObject

/** Events that wait to be told, and the copies that the answers name. */
internal class Reports(
    private val client: DeviceClient,
    private val store: ModelStore,
    private val nowMs: () -> Long,
) {
    private val waiting = ArrayDeque<JsonObject>()
    private val sending = Mutex()

    fun observe(event: ClientEvent) = synchronized(waiting) {
        waiting += event.complete(nowMs())
        // A phone that is offline for weeks keeps the newest.
        while (waiting.size > MAX_WAITING) waiting.removeFirst()
    }

    fun forget() = synchronized(waiting) { waiting.clear() }

    /** The user's devices that wait for this one's word. */
    suspend fun send(): List<WaitingDevice> = sending.withLock {
        val held = store.files.grants("record").take(MAX_HELD)
        var answer: ReportAnswer
        do {
            val batch = synchronized(waiting) { waiting.take(MAX_EVENTS) }
            answer = client.report(batch, held)
            for (grantId in answer.erase) store.erase(grantId)
            synchronized(waiting) { waiting.removeAll(batch.toSet()) }
        } while (synchronized(waiting) { waiting.isNotEmpty() })
        answer.waiting
    }

    private companion object {
        /** What one report takes. */
        const val MAX_EVENTS = 100
        const val MAX_HELD = 64
        const val MAX_WAITING = 1000
    }
}
