package io.modelseal.protocol

import io.modelseal.SealException
import io.modelseal.SealException.Reason
import java.nio.ByteBuffer

/** A run of weights in the model file. Its index never changes: it is part of the layer's key. */
internal data class WeightLayer(val index: Long, val offset: Long, val length: Long)

/** Where a chunk lies: in the model, and in the sealed file. */
internal data class ChunkPlace(val offset: Long, val length: Int, val start: Long) {
    val cellBytes: Int get() = length + SecureCell.OVERHEAD_BYTES
}

/** The clear header of the sealed file: docs/mobile/protocol.md section 5. */
internal class ContainerHeader(
    val imprinted: Boolean,
    val chunkBytes: Int,
    val plainBytes: Long,
    val layers: List<WeightLayer>,
) {
    val sizeBytes: Int get() = PREFIX_BYTES + layers.size * LAYER_BYTES
    val chunkCount: Long get() = (plainBytes + chunkBytes - 1) / chunkBytes

    /** The size of the whole sealed file, known before the first byte of it is. */
    val containerBytes: Long get() = sizeBytes + plainBytes + chunkCount * SecureCell.OVERHEAD_BYTES

    fun chunk(index: Long): ChunkPlace {
        val offset = index * chunkBytes
        val length = minOf(chunkBytes.toLong(), plainBytes - offset).toInt()
        return ChunkPlace(offset, length, sizeBytes + offset + index * SecureCell.OVERHEAD_BYTES)
    }

    /** The context that ties a chunk to its file, its place and to being the last (STREAM, https://eprint.iacr.org/2015/189). */
    fun chunkContext(headerHash: ByteArray, index: Long): ByteArray =
        concat(headerHash, u32be(index), byteArrayOf(if (index == chunkCount - 1) 1 else 0))

    fun encode(): ByteArray {
        val bytes = ByteBuffer.allocate(sizeBytes).put(MAGIC).putShort(VERSION)
            .putShort(if (imprinted) 1 else 0).putInt(chunkBytes).putLong(plainBytes).putInt(layers.size)
        for ((index, offset, length) in layers) bytes.putInt(index.toInt()).putLong(offset).putLong(length)
        return bytes.array()
    }

    companion object {
        const val PREFIX_BYTES = 28
        private const val LAYER_BYTES = 20
        private const val MAX_LAYERS = 65_536
        private const val MAX_U32 = 0xffff_ffffL
        private const val MAX_SIZE = (1L shl 53) - 1
        private const val VERSION: Short = 1
        private val MAGIC = "MDLSEAL".toByteArray() + 0x1a

        /** Whether the first bytes of a download are those of a container at all. */
        fun beginsWell(bytes: ByteArray, count: Int): Boolean =
            (0 until minOf(count, MAGIC.size)).all { bytes[it] == MAGIC[it] }

        /** How long the whole header is, from its first 28 bytes: at most 1.3 MB. Throws SealException. */
        fun announcedBytes(prefix: ByteArray): Int {
            if (prefix.size < PREFIX_BYTES || !beginsWell(prefix, MAGIC.size)) throw malformed("not a sealed model")
            val head = ByteBuffer.wrap(prefix)
            if (head.getShort(8) != VERSION) throw SealException(Reason.VERSION_UNSUPPORTED, "container")
            val count = head.getInt(24).toLong() and MAX_U32
            if (count > MAX_LAYERS) throw malformed("too many layers")
            return PREFIX_BYTES + count.toInt() * LAYER_BYTES
        }

        /** Reads exactly one header. Throws `container-malformed` and `version-unsupported`. */
        fun decode(bytes: ByteArray): ContainerHeader {
            if (announcedBytes(bytes) != bytes.size) throw malformed("header of another length than it says")
            val head = ByteBuffer.wrap(bytes)
            val flags = head.getShort(10).toInt() and 0xffff
            if (flags > 1) throw SealException(Reason.VERSION_UNSUPPORTED, "flags")
            val chunkBytes = head.getInt(12).toLong() and MAX_U32
            val plainBytes = head.getLong(16)
            val layers = List(head.getInt(24)) {
                val at = PREFIX_BYTES + it * LAYER_BYTES
                WeightLayer(head.getInt(at).toLong() and MAX_U32, head.getLong(at + 4), head.getLong(at + 12))
            }
            if (chunkBytes !in 64..(1L shl 24) || plainBytes !in 1..MAX_SIZE) throw malformed("sizes")
            val header = ContainerHeader(flags == 1, chunkBytes.toInt(), plainBytes, layers)
            if (header.chunkCount > MAX_U32 || !areSound(layers, plainBytes)) throw malformed("layers")
            return header
        }

        /** Whether the layers ascend, do not overlap and lie within the file. */
        fun areSound(layers: List<WeightLayer>, plainBytes: Long): Boolean {
            val indices = HashSet<Long>(layers.size * 2)
            var end = 0L
            for ((index, offset, length) in layers) {
                val sound = index in 0..MAX_U32 && offset in end..MAX_SIZE && length in 1..MAX_U32 &&
                    offset + length <= plainBytes && indices.add(index)
                if (!sound) return false
                end = offset + length
            }
            return layers.size <= MAX_LAYERS
        }

        private fun malformed(detail: String) = SealException(Reason.CONTAINER_MALFORMED, detail)
    }
}
