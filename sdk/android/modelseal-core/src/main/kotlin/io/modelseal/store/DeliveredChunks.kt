package io.modelseal.store

import io.modelseal.SealException
import io.modelseal.SealException.Reason
import io.modelseal.api.Download
import io.modelseal.protocol.ContainerHeader
import io.modelseal.protocol.ContainerKeys
import io.modelseal.protocol.LayerCipher
import io.modelseal.protocol.Patch
import io.modelseal.protocol.SecureCell
import io.modelseal.protocol.sha256
import io.modelseal.protocol.wipe

/** How often a chunk that does not open is fetched again: what a network has damaged comes whole then. */
private const val MAX_FETCHES = 3

/** The chunks of a model in the clear, from what was delivered: the whole, or a patch of a stored copy. */
internal abstract class DeliveredChunks(
    /** As a whole delivery has it. */
    val header: ContainerHeader,
    encoded: ByteArray,
    protected val keys: ContainerKeys,
    private val download: Download,
) {
    protected val layers = LayerCipher(keys.weightsKey, header.layers)
    private val headerHash = sha256(encoded)

    /** Whether a chunk can be asked for without those before it. */
    abstract val canSkip: Boolean

    /** Into `buffers.cell`. Throws ApiException where the download breaks off, and SealException for what is not as promised. */
    abstract suspend fun chunk(index: Long, buffers: ChunkBuffers)

    fun wipe() = layers.wipe()

    /** What `attempt` opens with the context of a chunk: null where that did not open, and is to be fetched again. */
    protected suspend fun <T : Any> opened(index: Long, attempt: suspend (context: ByteArray) -> T?): T {
        val context = header.chunkContext(headerHash, index)
        repeat(MAX_FETCHES) {
            attempt(context)?.let { return it }
            download.close()
        }
        throw SealException(Reason.CHUNK_FORGED)
    }

    companion object {
        /** Reads the header. Throws `base-mismatch` for a patch of another copy, and what is malformed. */
        suspend fun open(download: Download, keys: ContainerKeys, sizeBytes: Long, base: PatchBase?): DeliveredChunks {
            val prefix = ByteArray(ContainerHeader.PREFIX_BYTES).also { download.take(0, it.size, it) }
            val digest = if (base == null) 0 else Patch.BASE_DIGEST_BYTES
            val rest = ByteArray(ContainerHeader.announcedBytes(prefix) + digest - prefix.size)
            download.take(prefix.size.toLong(), rest.size, rest)
            val encoded = prefix + rest
            if (base != null) {
                return Patched(Patch.header(encoded, base.sha256), encoded, keys, download, sizeBytes, base)
            }
            val header = ContainerHeader.decode(encoded)
            if (header.containerBytes != sizeBytes) throw SealException(Reason.CONTAINER_MALFORMED, "size")
            return Whole(header, encoded, keys, download)
        }
    }
}

private class Whole(header: ContainerHeader, encoded: ByteArray, keys: ContainerKeys, private val download: Download) :
    DeliveredChunks(header, encoded, keys, download) {
    override val canSkip get() = true

    override suspend fun chunk(index: Long, buffers: ChunkBuffers) {
        val place = header.chunk(index)
        opened(index) { context ->
            download.take(place.start, place.cellBytes, buffers.cell)
            Unit.takeIf { SecureCell.open(keys.fileKey, context, buffers.cell, place.cellBytes, buffers.plain) }
        }
        layers.apply(buffers.plain, place.offset, place.length, into = buffers.cell)
    }
}

/** Its chunks must be asked for in order. */
private class Patched(
    header: ContainerHeader,
    encoded: ByteArray,
    keys: ContainerKeys,
    private val download: Download,
    private val sizeBytes: Long,
    private val base: PatchBase,
) : DeliveredChunks(header, encoded, keys, download) {
    private var next = encoded.size.toLong()
    private var position = 0L
    override val canSkip get() = false

    override suspend fun chunk(index: Long, buffers: ChunkBuffers) {
        val place = header.chunk(index)
        val recipe = opened(index) { context ->
            takeCell(place.length)?.let { SecureCell.open(keys.fileKey, context, it) }
        }
        next += recipe.size + SecureCell.OVERHEAD_BYTES
        if (index == header.chunkCount - 1 && next != sizeBytes) throw SealException(Reason.CONTAINER_MALFORMED, "size")
        val chunk = ByteArray(place.length)
        val read = Patch.readRecipe(recipe, chunk, position, base.sizeBytes)
        recipe.wipe()
        // All of the chunk in one go: what it makes of the places of copies is overwritten.
        layers.apply(chunk, place.offset)
        for ((at, from, length) in read.copies) base.read(from, chunk, at, length)
        position = read.position
        chunk.copyInto(buffers.cell)
        chunk.wipe()
    }

    private suspend fun takeCell(chunkBytes: Int): ByteArray? {
        val head = ByteArray(SecureCell.OVERHEAD_BYTES)
        if (next + head.size > sizeBytes) throw SealException(Reason.CONTAINER_TRUNCATED)
        download.take(next, head.size, head)
        val length = Patch.recipeBytes(head, chunkBytes) ?: return null
        if (next + head.size + length > sizeBytes) return null
        return head + ByteArray(length).also { download.take(next + head.size, length, it) }
    }
}
