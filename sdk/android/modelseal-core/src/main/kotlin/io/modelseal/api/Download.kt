package io.modelseal.api

import io.modelseal.Advice
import io.modelseal.ApiException
import io.modelseal.protocol.ContainerHeader
import java.io.IOException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.runInterruptible
import okhttp3.Response
import okio.BufferedSource

/**
 * The bytes of a delivery, taken in exact counts from any place on. Whatever a network does on the way
 * (breaks, dropped ranges, pages of a portal, other encodings) is a break: the bytes are asked for again,
 * a few times in a row. Whether they are genuine shows as each chunk is opened.
 */
internal class Download(
    private val api: ApiClient,
    private val url: String,
    private val sizeBytes: Long,
    private val retry: RetryPolicy,
) : AutoCloseable {
    private var response: Response? = null
    private var source: BufferedSource? = null
    private var position = 0L

    /**
     * Fills the first `count` bytes of `into` with those at `offset`. Throws ApiException: `url_ended`
     * where the URL serves no more, and the last break's error.
     */
    suspend fun take(offset: Long, count: Int, into: ByteArray) {
        var filled = 0
        while (filled < count) {
            filled += withRetry(retry) {
                try {
                    if (source == null || position != offset + filled) open(offset + filled)
                    readSome(into, filled, count - filled)
                } catch (error: ApiException) {
                    close()
                    throw error
                } catch (cause: IOException) {
                    close()
                    currentCoroutineContext().ensureActive()
                    throw ApiClient.unreachable(cause)
                }
            }
        }
    }

    override fun close() {
        response?.close()
        response = null
        source = null
    }

    private suspend fun readSome(into: ByteArray, from: Int, count: Int): Int {
        val open = checkNotNull(source)
        val read = runInterruptible(Dispatchers.IO) { open.read(into, from, count) }
        if (read < 0) throw ApiClient.unreachable()
        position += read
        return read
    }

    private suspend fun open(start: Long) {
        close()
        val answer = api.download(url, start)
        response = answer
        val before = requireDelivery(answer, start)
        val body = answer.body.source()
        runInterruptible(Dispatchers.IO) { body.skip(before) }
        if (start == 0L) requireContainer(body)
        source = body
        position = start
    }

    /**
     * How many bytes of the body lie before `start`: some proxies drop the range and give the whole, some begin at
     * a block of theirs, and some give the right range as if it were the whole.
     */
    private fun requireDelivery(answer: Response, start: Long): Long {
        val code = answer.code
        if (code in ENDED) throw ApiException("url_ended", code)
        if (code in 500..510 || code == 429 || code == 408) throw ApiException("download_refused", 503, Advice.RETRY)
        val range = answer.header("Content-Range")
        val parts = range?.let { RANGE.matchEntire(it) }
        val begins = if (range == null) 0 else parts?.groupValues?.get(1)?.toLongOrNull() ?: Long.MAX_VALUE
        val total = if (range == null) answer.header("Content-Length") else parts?.groupValues?.get(2)
        val isOurs = (code == 200 || code == 206 && start > 0 && range != null) && begins <= start &&
            answer.header("Content-Encoding") in UNPACKED && (total == null || total == "*" || total == sizeBytes.toString())
        if (!isOurs) throw ApiClient.unusable()
        return start - begins
    }

    private suspend fun requireContainer(body: BufferedSource) = runInterruptible(Dispatchers.IO) {
        val first = body.peek().let { if (it.request(8)) it.readByteArray(8) else ByteArray(0) }
        if (first.size < 8 || !ContainerHeader.beginsWell(first, 8)) throw ApiClient.unusable()
    }

    private companion object {
        /** What Cloud Storage says of a URL that has ended, and of an object that was swept. */
        val ENDED = setOf(400, 401, 403, 404, 410)
        val RANGE = Regex("""bytes (\d+)-\d*/(\d+|\*)""")
        val UNPACKED = setOf(null, "identity")
    }
}
