package io.modelseal

import io.modelseal.store.LayerReader
import java.nio.ByteBuffer
import java.util.concurrent.atomic.AtomicBoolean
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock

/**
 * An open model. Weights are decrypted when asked for, into direct memory that is wiped after use; no
 * file is made. Close it to wipe its keys: afterwards each call throws SealException `closed`.
 */
public class OpenModel internal constructor(
    /** What the publisher signed: sizes, layers, version. */
    public val manifest: Manifest,
    /** Until when this device may open it. */
    public val licence: Licence,
    /** The licence is over, and the device goes on until it can reach the service: `refresh` renews it. */
    public val inGrace: Boolean,
    private val reader: LayerReader,
    private val onClose: (OpenModel) -> Unit,
) : AutoCloseable {
    private val closed = AtomicBoolean()

    /** Keys are wiped when nobody reads with them. */
    private val reading = Mutex()

    /**
     * Hands the whole model to `use` in one direct buffer, as TensorFlow Lite's interpreter takes it, and
     * wipes it then. Throws SealException; IllegalArgumentException for a model of 2 GiB and more, which
     * opens layer by layer.
     */
    public suspend fun <T> withModel(use: suspend (ByteBuffer) -> T): T =
        withBytes(0, manifest.sizeBytes, decryptLayers = true, use)

    /** Hands one layer's weights to `use` in a direct buffer and wipes them then. Throws `layer-unknown`. */
    public suspend fun <T> withLayer(index: Long, use: suspend (ByteBuffer) -> T): T {
        val layer = manifest.layers.find { it.index == index }
            ?: throw SealException(SealException.Reason.LAYER_UNKNOWN, index.toString())
        return withBytes(layer.offset, layer.length, decryptLayers = true, use)
    }

    /** The model file with its weights still encrypted: its structure, to plan which layers to load. */
    public suspend fun encryptedWeights(): ByteBuffer = withReader {
        val buffer = ByteBuffer.allocateDirect(sizeOf(manifest.sizeBytes))
        it.read(0, buffer, decryptLayers = false)
        buffer.flip() as ByteBuffer
    }

    /** Wipes the keys, after whoever reads now; may be called twice. */
    override fun close() {
        if (closed.compareAndSet(false, true)) {
            onClose(this)
            if (reading.tryLock()) reader.wipe()
        }
    }

    private suspend fun <T> withBytes(
        offset: Long,
        length: Long,
        decryptLayers: Boolean,
        use: suspend (ByteBuffer) -> T,
    ): T {
        val buffer = ByteBuffer.allocateDirect(sizeOf(length))
        try {
            withReader { it.read(offset, buffer, decryptLayers) }
            buffer.flip()
            return use(buffer)
        } finally {
            wipe(buffer)
        }
    }

    private suspend fun <T> withReader(work: suspend (LayerReader) -> T): T {
        requireOpen()
        return reading.withLock {
            requireOpen()
            try {
                work(reader)
            } finally {
                if (closed.get()) reader.wipe()
            }
        }
    }

    private fun requireOpen() {
        if (closed.get()) throw SealException(SealException.Reason.CLOSED)
    }

    private companion object {
        fun sizeOf(bytes: Long): Int {
            require(bytes <= Int.MAX_VALUE) { "too large for one buffer: open it layer by layer" }
            return bytes.toInt()
        }

        fun wipe(buffer: ByteBuffer) {
            buffer.clear()
            val zeros = ByteArray(minOf(buffer.capacity(), 1 shl 16))
            while (buffer.hasRemaining()) buffer.put(zeros, 0, minOf(zeros.size, buffer.remaining()))
        }
    }
}
