package io.modelseal.store

import io.modelseal.ModelStorage
import io.modelseal.SealException
import io.modelseal.SealException.Reason
import io.modelseal.protocol.ContainerHeader
import io.modelseal.protocol.ContainerKeys
import io.modelseal.protocol.LayerCipher
import io.modelseal.protocol.SecureCell
import io.modelseal.protocol.TAG_BYTES
import io.modelseal.protocol.sha256
import io.modelseal.protocol.wipe
import java.nio.ByteBuffer

/** A stored model, read chunk by chunk; each is verified before anything of it is given. */
internal class LayerReader private constructor(
    val header: ContainerHeader,
    private val headerHash: ByteArray,
    private val storage: ModelStorage,
    private val name: String,
    private val keys: ContainerKeys,
) {
    /** Fills `into` with the model from `offset` on; with its weights in the clear, or as they lie in the file. */
    suspend fun read(offset: Long, into: ByteBuffer, decryptLayers: Boolean) {
        val layers = LayerCipher(keys.weightsKey, header.layers)
        // One for all chunks: those of a large model would be garbage faster than it is collected.
        val cell = cellBuffer()
        try {
            var at = offset
            val end = offset + into.remaining()
            while (at < end) {
                val length = openInto(cell, at / header.chunkBytes)
                val begin = at - at % header.chunkBytes
                val from = (at - begin).toInt()
                val count = minOf(length - from, (end - at).toInt())
                if (decryptLayers && header.imprinted) layers.apply(cell, begin, length, SecureCell.OVERHEAD_BYTES)
                into.put(cell, SecureCell.OVERHEAD_BYTES + from, count)
                at += count
            }
        } finally {
            cell.wipe()
            layers.wipe()
        }
    }

    fun wipe() = keys.wipe()

    /** The plaintext of the file layer: weights are still encrypted. */
    suspend fun openChunk(index: Long): ByteArray {
        val cell = cellBuffer()
        val length = openInto(cell, index)
        return cell.copyOfRange(SecureCell.OVERHEAD_BYTES, SecureCell.OVERHEAD_BYTES + length).also { cell.wipe() }
    }

    private fun cellBuffer(): ByteArray {
        val longest = minOf(header.chunkBytes.toLong(), header.plainBytes).toInt()
        return ByteArray(longest + SecureCell.OVERHEAD_BYTES + TAG_BYTES)
    }

    /** Opens a chunk in the place of its cell; gives its length. */
    private suspend fun openInto(cell: ByteArray, index: Long): Int {
        val place = header.chunk(index)
        val count = answered { storage.readInto(name, place.start, cell, place.cellBytes) }
        if (count != place.cellBytes) throw corrupt("model")
        if (!SecureCell.openInPlace(keys.fileKey, header.chunkContext(headerHash, index), cell, place.cellBytes)) {
            throw corrupt("chunk $index")
        }
        return place.length
    }

    companion object {
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
