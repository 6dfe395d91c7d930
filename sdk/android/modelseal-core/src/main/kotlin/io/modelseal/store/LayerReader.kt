package io.modelseal.store

import io.modelseal.ModelStorage
import io.modelseal.SealException
import io.modelseal.SealException.Reason
import io.modelseal.protocol.ContainerHeader
import io.modelseal.protocol.ContainerKeys
import io.modelseal.protocol.LayerCipher
import io.modelseal.protocol.SecureCell
import io.modelseal.protocol.sha256
import java.nio.ByteBuffer
import java.util.concurrent.atomic.AtomicLong
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.launch

/** A stored model, read chunk by chunk; each is verified before anything of it is given. */
internal class LayerReader private constructor(
    val header: ContainerHeader,
    private val headerHash: ByteArray,
    private val storage: ModelStorage,
    private val name: String,
    private val keys: ContainerKeys,
) {
    /**
     * Fills `into` with the model from `offset` on; with its weights in the clear, or as they lie in the file.
     * Several threads open a chunk each; all have ended when this returns or throws.
     */
    suspend fun read(offset: Long, into: ByteBuffer, decryptLayers: Boolean) {
        val target = into.slice()
        val end = offset + target.capacity()
        val first = offset / header.chunkBytes
        val chunks = (end + header.chunkBytes - 1) / header.chunkBytes - first
        val next = AtomicLong(first)
        coroutineScope {
            repeat(minOf(maxWorkers(), chunks).toInt()) {
                // Not Default's few threads: an app that waits on those for a model would wait for itself.
                launch(Dispatchers.IO) {
                    ChunkWorker(decryptLayers).use { worker ->
                        while (true) {
                            ensureActive()
                            val index = next.getAndIncrement()
                            if (index >= first + chunks) break
                            worker.copy(index, offset, end, target)
                        }
                    }
                }
            }
        }
        into.position(into.limit())
    }

    fun wipe() = keys.wipe()

    /** The plaintext of the file layer: weights are still encrypted. */
    suspend fun openChunk(index: Long): ByteArray =
        ChunkWorker(decryptLayers = false).use { it.buffers.plain.copyOf(it.open(index)) }

    /** As many as there are cores, within the memory that an opening may take. */
    private fun maxWorkers(): Long =
        minOf(Runtime.getRuntime().availableProcessors(), MAX_WORKERS, maxOf(1, MAX_BUFFER_BYTES / header.chunkBytes)).toLong()

    /** One thread's buffers and key streams, the same for all its chunks. */
    private inner class ChunkWorker(decryptLayers: Boolean) : AutoCloseable {
        val buffers = ChunkBuffers(header)
        private val layers = if (decryptLayers && header.imprinted) LayerCipher(keys.weightsKey, header.layers) else null

        /** Opens a chunk into `buffers.plain`; gives its length. */
        suspend fun open(index: Long): Int {
            val place = header.chunk(index)
            val cell = buffers.cell
            val count = answered { storage.readInto(name, place.start, cell, place.cellBytes) }
            if (count != place.cellBytes) throw corrupt("model")
            val context = header.chunkContext(headerHash, index)
            if (!SecureCell.open(keys.fileKey, context, cell, place.cellBytes, buffers.plain)) throw corrupt("chunk $index")
            return place.length
        }

        /** Puts what of a chunk lies between `offset` and `end` of the model where it belongs in `target`, which begins at `offset`. */
        suspend fun copy(index: Long, offset: Long, end: Long, target: ByteBuffer) {
            val length = open(index)
            val begin = index * header.chunkBytes
            val from = maxOf(offset, begin)
            val (first, count) = (from - begin).toInt() to (minOf(end, begin + length) - from).toInt()
            val place = target.duplicate()
            place.position((from - offset).toInt())
            if (layers == null) place.put(buffers.plain, first, count) else layers.apply(buffers.plain, begin, first, count, place)
        }

        override fun close() {
            buffers.close()
            layers?.wipe()
        }
    }

    companion object {
        /** More threads wait for each other's memory, and a phone has that many fast cores. */
        private const val MAX_WORKERS = 4

        /** Two arrays of each worker's have as many bytes as a chunk. */
        private const val MAX_BUFFER_BYTES = 16 shl 20

        /** Reads the header. Throws `storage-corrupt`. */
        suspend fun open(storage: ModelStorage, name: String, keys: ContainerKeys): LayerReader {
            val header = readHeader(storage, name) ?: throw corrupt("model")
            return LayerReader(header, sha256(header.encode()), storage, name, keys)
        }

        /** Null where there is no whole and sound header. */
        suspend fun readHeader(storage: ModelStorage, name: String): ContainerHeader? = try {
            val prefix = answered { storage.read(name, 0, ContainerHeader.PREFIX_BYTES) }
            val whole = prefix?.let { answered { storage.read(name, 0, ContainerHeader.announcedBytes(it)) } }
            whole?.let(ContainerHeader::decode)
        } catch (error: SealException) {
            if (error.reason == Reason.STORAGE_UNAVAILABLE) throw error
            null
        }
    }
}
