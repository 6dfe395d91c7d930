package io.modelseal.store

import io.modelseal.ModelStorage
import io.modelseal.protocol.ChunkPlace
import io.modelseal.protocol.ContainerHeader
import io.modelseal.protocol.ContainerKeys
import io.modelseal.protocol.LayerCipher
import io.modelseal.protocol.SecureCell
import io.modelseal.protocol.sha256

/** Stores a model as an installation does; `plain` gives its bytes chunk by chunk. */
internal suspend fun ModelStorage.storeModel(
    name: String,
    header: ContainerHeader,
    keys: ContainerKeys,
    plain: (ChunkPlace) -> ByteArray,
) {
    val hash = sha256(header.encode())
    val cipher = LayerCipher(keys.weightsKey, header.layers)
    writeAt(name, 0, header.encode())
    for (index in 0 until header.chunkCount) {
        val place = header.chunk(index)
        val chunk = plain(place).also { cipher.apply(it, place.offset) }
        writeAt(name, place.start, SecureCell.seal(keys.fileKey, header.chunkContext(hash, index), chunk))
    }
}
