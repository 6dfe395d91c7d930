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
        try {
            var at = offset
            val end = offset + into.remaining()
            while (at < end) {
                val chunk = openChunk(at / header.chunkBytes)
                val begin = at - at % header.chunkBytes
                val from = (at - begin).toInt()
                val count = minOf(chunk.size - from, (end - at).toInt())
                if (decryptLayers && header.imprinted) layers.apply(chunk, begin)
                into.put(chunk, from, count)
                chunk.wipe()
                at += count
            }
        } finally {
            layers.wipe()
        }
    }

    fun wipe() = keys.wipe()

    /** The plaintext of the file layer: weights are still encrypted. */
    suspend fun openChunk(index: Long): ByteArray {
        val place = header.chunk(index)
        // What follows the cell makes the room that opening needs.
        val read = answered { storage.read(name, place.start, place.cellBytes + TAG_BYTES) }
        if (read == null || read.size < place.cellBytes) throw corrupt("model")
        val cell = if (read.size == place.cellBytes + TAG_BYTES) read else read.copyOf(place.cellBytes + TAG_BYTES)
        return SecureCell.openInRoom(keys.fileKey, header.chunkContext(headerHash, index), cell, place.cellBytes)
            ?: throw corrupt("chunk $index")
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
