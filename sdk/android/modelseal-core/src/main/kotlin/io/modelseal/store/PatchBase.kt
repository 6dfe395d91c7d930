package io.modelseal.store

import io.modelseal.SealException
import io.modelseal.SealException.Reason
import io.modelseal.protocol.wipe
import java.nio.ByteBuffer

/** A stored copy as the base of a patch: one chunk of it is in the clear at a time. Close it to wipe that and its keys. */
internal class PatchBase(
    /** SHA-256 of the copy, as its licence says. */
    val sha256: ByteArray,
    private val reader: LayerReader,
) : AutoCloseable {
    val sizeBytes: Long get() = reader.header.plainBytes
    private var begin = 0L
    private var chunk = ByteArray(0)

    /** Fills `count` bytes of `into` from `at` on with the copy in the clear. Throws `storage-corrupt` and what is transient. */
    suspend fun read(from: Long, into: ByteArray, at: Int, count: Int) {
        var filled = 0
        while (filled < count) {
            val place = from + filled
            if (place < begin || place >= begin + chunk.size) open(place)
            val offset = (place - begin).toInt()
            val part = minOf(chunk.size - offset, count - filled)
            chunk.copyInto(into, at + filled, offset, offset + part)
            filled += part
        }
    }

    override fun close() {
        chunk.wipe()
        reader.wipe()
    }

    private suspend fun open(place: Long) {
        val header = reader.header
        begin = place - place % header.chunkBytes
        val length = minOf(header.chunkBytes.toLong(), header.plainBytes - begin).toInt()
        if (length < 1) throw SealException(Reason.STORAGE_CORRUPT, "the base of a patch")
        if (chunk.size != length) {
            chunk.wipe()
            chunk = ByteArray(length)
        }
        reader.read(begin, ByteBuffer.wrap(chunk), decryptLayers = true)
    }
}
