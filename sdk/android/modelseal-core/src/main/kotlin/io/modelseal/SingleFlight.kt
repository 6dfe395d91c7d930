package io.modelseal

import java.util.concurrent.CopyOnWriteArrayList
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.async

/** Bytes done and in all. */
internal typealias Progress = (Long, Long) -> Unit

/** Work that several ask for at once is done once, for all of them; it ends when the last of them gives up. */
internal class SingleFlight<T>(private val scope: CoroutineScope) {
    private class Flight<T>(val listeners: MutableList<Progress>, val result: Deferred<T>) {
        var waiting = 0
    }

    private val flights = HashMap<String, Flight<T>>()

    suspend fun join(key: String, onProgress: Progress?, work: suspend (Progress) -> T): T {
        val flight = synchronized(flights) { flights.getOrPut(key) { start(work) }.also { it.waiting++ } }
        if (onProgress != null) flight.listeners += onProgress
        try {
            return flight.result.await()
        } finally {
            if (onProgress != null) flight.listeners -= onProgress
            synchronized(flights) {
                if (--flight.waiting == 0) {
                    flights.remove(key, flight)
                    flight.result.cancel()
                }
            }
        }
    }

    private fun start(work: suspend (Progress) -> T): Flight<T> {
        val listeners = CopyOnWriteArrayList<Progress>()
        val tellAll: Progress = { done, total -> listeners.forEach { it(done, total) } }
        return Flight(listeners, scope.async(start = CoroutineStart.DEFAULT) { work(tellAll) })
    }
}
