package io.modelseal.api

import java.io.IOException
import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runInterruptible
import kotlinx.coroutines.suspendCancellableCoroutine
import okhttp3.Call
import okhttp3.Callback
import okhttp3.Response

/** The response, whose body is still to be read; a cancelled coroutine cancels the call. Throws IOException. */
internal suspend fun Call.await(): Response = suspendCancellableCoroutine { continuation ->
    continuation.invokeOnCancellation { cancel() }
    enqueue(
        object : Callback {
            override fun onFailure(call: Call, e: IOException) = continuation.resumeWithException(e)

            override fun onResponse(call: Call, response: Response) {
                continuation.resume(response) { _, unused, _ -> unused.close() }
            }
        },
    )
}

/** The whole body, and closes it; null where it is longer than `maxBytes`. Throws IOException. */
internal suspend fun Response.readBody(maxBytes: Long): ByteArray? = use {
    runInterruptible(Dispatchers.IO) {
        val source = body.source()
        if (source.request(maxBytes + 1)) null else source.buffer.readByteArray()
    }
}
