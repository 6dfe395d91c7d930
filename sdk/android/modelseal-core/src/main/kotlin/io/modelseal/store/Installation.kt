package io.modelseal.store

import io.modelseal.SealException
import io.modelseal.SealException.Reason
import io.modelseal.api.Download
import io.modelseal.protocol.ContainerHeader
import io.modelseal.protocol.ContainerKeys
import io.modelseal.protocol.LayerCipher
import io.modelseal.protocol.Purpose
import io.modelseal.protocol.SecureCell
import io.modelseal.protocol.fromBase64url
import io.modelseal.protocol.randomBytes
import io.modelseal.protocol.sha256
import io.modelseal.protocol.text
import io.modelseal.protocol.toBase64url
import io.modelseal.protocol.wholeOrNull
import io.modelseal.protocol.wipe
import java.security.MessageDigest
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put

/**
 * A copy in the making. What is needed to go on after the app was killed lies beside it, sealed like a
 * record; each chunk was verified before it was stored, and is verified again when the installation goes
 * on. Close it to wipe its keys.
 */
internal class Installation private constructor(
    private val store: ModelStore,
    private val loaded: LoadedRecord,
    val tokens: ModelTokens,
    private val deliveryKeys: ContainerKeys,
    val url: String,
    val sizeBytes: Long,
    /** The grant of the copy that the delivery is a patch of. */
    val base: String?,
) : AutoCloseable {
    val grantId: String get() = tokens.licence.grantId
    val asked: String get() = loaded.record.asked
    private val storage get() = store.files.storage
    private val name = store.files.model(grantId)

    /**
     * Fetches what is missing and makes the copy a complete one. Throws ApiException where the download
     * breaks off, which leaves what there is for the next time, and SealException for bytes that are not
     * what was promised, which leaves nothing.
     */
    suspend fun run(download: Download, nowMs: Long, onProgress: (Long) -> Unit) {
        try {
            val opened = base?.let { store.openBase(it, nowMs) }
            val keys = ContainerKeys.derive(loaded.storageKey, Purpose.STORAGE)
            try {
                copyChunks(DeliveredChunks.open(download, deliveryKeys, sizeBytes, opened), keys, onProgress)
            } finally {
                keys.wipe()
                opened?.close()
            }
            val seenMs = maxOf(nowMs, tokens.licence.issuedAt * 1000)
            store.write(store.files.record(grantId), loaded.record.with(seenMs = seenMs, delivery = null).complete(), loaded)
            answered { storage.delete(store.files.pending(grantId)) }
        } catch (error: SealException) {
            if (!isTransient(error) || error.reason == Reason.STORAGE_FULL) store.erase(grantId)
            throw error
        }
    }

    override fun close() {
        loaded.close()
        deliveryKeys.wipe()
    }

    private suspend fun copyChunks(delivered: DeliveredChunks, keys: ContainerKeys, onProgress: (Long) -> Unit) {
        val header = delivered.header
        requireLayout(header, tokens.manifest)
        val encoded = header.encode()
        val headerHash = sha256(encoded)
        val digest = MessageDigest.getInstance("SHA-256")
        val to = LayerCipher(keys.weightsKey, header.layers)
        val first = if (delivered.canSkip) digestStored(header, keys, to, digest) else 0
        if (first == 0L) answered { storage.writeAt(name, 0, encoded) }
        ChunkBuffers(header).use { buffers ->
            for (index in first until header.chunkCount) {
                val place = header.chunk(index)
                delivered.chunk(index, buffers)
                digest.update(buffers.cell, 0, place.length)
                to.apply(buffers.cell, place.offset, place.length, into = buffers.plain)
                val cell = SecureCell.seal(keys.fileKey, header.chunkContext(headerHash, index), buffers.plain, place.length)
                answered { storage.writeAt(name, place.start, cell) }
                onProgress(place.offset + place.length)
            }
        }
        delivered.wipe()
        to.wipe()
        if (digest.digest().toBase64url() != tokens.licence.sha256) throw SealException(Reason.DIGEST_MISMATCH)
    }

    /** Takes the chunks that are stored already into the digest; gives the first that is not. */
    private suspend fun digestStored(header: ContainerHeader, keys: ContainerKeys, layers: LayerCipher, digest: MessageDigest): Long {
        val stored = LayerReader.readHeader(storage, name)?.encode()
        if (stored == null || !stored.contentEquals(header.encode())) return 0
        val reader = LayerReader.open(storage, name, keys)
        for (index in 0 until header.chunkCount) {
            val chunk = try {
                reader.openChunk(index)
            } catch (error: SealException) {
                if (error.reason != Reason.STORAGE_CORRUPT) throw error
                return index
            }
            layers.apply(chunk, header.chunk(index).offset)
            digest.update(chunk)
            chunk.wipe()
        }
        return header.chunkCount
    }

    companion object {
        /**
         * For a grant; `earlier` is one of the same bytes that broke off, whose chunks are taken over.
         * Closes both.
         */
        suspend fun begin(store: ModelStore, grant: AcceptedGrant, asked: String, earlier: Installation?): Installation {
            val tokens = grant.tokens
            val continued = earlier?.takeIf { it.tokens.licence.sha256 == tokens.licence.sha256 }
            val storageKey = continued?.loaded?.storageKey?.copyOf() ?: randomBytes(32)
            val wrappedKey = continued?.loaded?.wrappedKey ?: store.wrap(storageKey)
            val delivery = buildJsonObject {
                put("fileKey", grant.keys.fileKey.toBase64url())
                put("weightsKey", grant.keys.weightsKey.toBase64url())
                put("url", grant.url)
                put("sizeBytes", grant.sizeBytes)
                if (grant.base != null) put("base", grant.base)
            }
            val record = ModelRecord(tokens.manifestToken, tokens.licenceToken, 0, asked, delivery)
            val loaded = LoadedRecord(record, storageKey, wrappedKey)
            val grantId = tokens.licence.grantId
            store.write(store.files.pending(grantId), record, loaded)
            if (continued != null) {
                val old = store.files.model(continued.grantId)
                answered {
                    if (store.files.storage.sizeBytes(old) != null) store.files.storage.rename(old, store.files.model(grantId))
                }
            }
            earlier?.let {
                store.erase(it.grantId)
                it.close()
            }
            return Installation(store, loaded, tokens, grant.keys, grant.url, grant.sizeBytes, grant.base)
        }

        /** One that broke off, or null where nobody can go on with it; then nothing is left of it. */
        suspend fun resume(store: ModelStore, grantId: String): Installation? {
            try {
                val loaded = store.load(store.files.pending(grantId))
                val delivery = loaded.record.delivery
                val fileKey = delivery?.text("fileKey")?.let(::fromBase64url)
                val weightsKey = delivery?.text("weightsKey")?.let(::fromBase64url)
                val url = delivery?.text("url")
                val sizeBytes = delivery?.wholeOrNull("sizeBytes")
                if (fileKey != null && weightsKey != null && url != null && sizeBytes != null) {
                    val tokens = store.tokensOf(loaded.record)
                    val keys = ContainerKeys(fileKey, weightsKey)
                    return Installation(store, loaded, tokens, keys, url, sizeBytes, delivery.text("base"))
                }
            } catch (error: SealException) {
                if (isTransient(error)) throw error
            }
            store.erase(grantId)
            return null
        }
    }
}

private fun ModelRecord.complete() = ModelRecord(manifest, licence, seenMs, asked)
