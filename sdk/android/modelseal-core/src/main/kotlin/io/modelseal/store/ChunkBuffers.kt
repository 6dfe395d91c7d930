package io.modelseal.store

import io.modelseal.protocol.ContainerHeader
import io.modelseal.protocol.SecureCell
import io.modelseal.protocol.wipe

/**
 * What the chunks of a container pass through, one after the other: what is made anew for each lies about as
 * garbage, and as plaintext, until it is collected. Close it to wipe what the last one left.
 */
internal class ChunkBuffers(header: ContainerHeader) : AutoCloseable {
    private val longest = minOf(header.chunkBytes.toLong(), header.plainBytes).toInt()

    /** For a chunk's cell; once that is opened, for what else has a chunk's length. */
    val cell = ByteArray(longest + SecureCell.OVERHEAD_BYTES + SecureCell.ROOM_BYTES)

    /** For what a cell holds. */
    val plain = ByteArray(longest + SecureCell.ROOM_BYTES)

    override fun close() {
        cell.wipe()
        plain.wipe()
    }
}
