package io.modelseal

import io.modelseal.protocol.ContainerHeader
import io.modelseal.protocol.ContainerKeys
import io.modelseal.protocol.Purpose
import io.modelseal.protocol.WeightLayer
import io.modelseal.store.FileStorage
import io.modelseal.store.LayerReader
import io.modelseal.store.storeModel
import java.io.File
import java.nio.ByteBuffer
import java.util.concurrent.atomic.AtomicInteger
import kotlin.random.Random
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.junit.jupiter.api.io.TempDir

private const val CHUNK_BYTES = 4096

/** What an open model gives, and that it does not outlive its use. */
class OpenModelTest {
    private val bytes = Random(1).nextBytes(20 * CHUNK_BYTES + 123)

    /** One within a chunk, one from the middle of a chunk over three others to an odd place, two side by side. */
    private val layers = listOf(
        WeightLayer(7, 100, 64),
        WeightLayer(2, 5_001, 4L * CHUNK_BYTES),
        WeightLayer(3, 40_000, 70),
        WeightLayer(9, 40_070, bytes.size - 40_070L),
    )

    @TempDir
    lateinit var folder: File

    private val reads = AtomicInteger()

    /** Before a read is answered. */
    private var onRead: suspend () -> Unit = {}

    @BeforeEach
    fun store() = runBlocking {
        val header = ContainerHeader(true, CHUNK_BYTES, bytes.size.toLong(), layers)
        FileStorage(folder).storeModel("model", header, keys()) {
            bytes.copyOfRange(it.offset.toInt(), it.offset.toInt() + it.length)
        }
    }

    @Test
    fun `the model, and each layer, whatever chunks they lie in`() = runBlocking {
        open().use { model ->
            assertArrayEquals(bytes, model.withModel(::copyOf))
            for ((index, offset, length) in layers) {
                val expected = bytes.copyOfRange(offset.toInt(), (offset + length).toInt())
                assertArrayEquals(expected, model.withLayer(index, ::copyOf), "layer $index")
            }
        }
    }

    @Test
    fun `encrypted weights are the file but for the layers`() = runBlocking {
        val structure = open().use { copyOf(it.encryptedWeights()) }
        val inLayers = { at: Int -> layers.any { at >= it.offset && at < it.offset + it.length } }
        assertEquals(emptyList<Int>(), bytes.indices.filter { !inLayers(it) && structure[it] != bytes[it] })
        for ((_, offset, length) in layers) {
            val same = (offset until offset + length).count { structure[it.toInt()] == bytes[it.toInt()] }
            assertTrue(same < length / 8, "$same of $length")
        }
    }

    @Test
    fun `the buffer is wiped after use`() = runBlocking {
        lateinit var buffer: ByteBuffer
        open().use { model ->
            model.withModel { buffer = it.also { assertFalse(isWiped(it)) } }
            assertTrue(isWiped(buffer))
            model.withLayer(9) { buffer = it.also { assertFalse(isWiped(it)) } }
            assertTrue(isWiped(buffer))
        }
    }

    @Test
    fun `the buffer is wiped when its use throws, wherever it was read to`() = runBlocking {
        lateinit var buffer: ByteBuffer
        val thrown = runCatching {
            open().use { model ->
                model.withModel<Unit> {
                    buffer = it
                    it.position(17).limit(4711)
                    error("of the app's")
                }
            }
        }
        assertEquals("of the app's", thrown.exceptionOrNull()?.message)
        assertTrue(isWiped(buffer))
    }

    @Test
    fun `the buffer is wiped when its use is cancelled`() = runBlocking {
        val inUse = CompletableDeferred<ByteBuffer>()
        val user = launch {
            open().use { model ->
                model.withModel {
                    inUse.complete(it)
                    awaitCancellation()
                }
            }
        }
        val buffer = inUse.await()
        assertFalse(isWiped(buffer))
        user.cancelAndJoin()
        assertTrue(isWiped(buffer))
    }

    @Test
    @Timeout(60)
    fun `a model opens while every thread for computing waits for one`() = runBlocking(Dispatchers.Default) {
        val waiting = List(Runtime.getRuntime().availableProcessors() + 1) {
            async { runBlocking { open().use { it.withModel(::copyOf) } } }
        }
        for (opened in waiting.awaitAll()) assertArrayEquals(bytes, opened)
    }

    @Test
    fun `a chunk that is not what was written ends the reading, and nobody reads on`() = runBlocking {
        val file = File(folder, "model")
        file.writeBytes(file.readBytes().also { it[it.size / 2] = (it[it.size / 2] + 1).toByte() })
        val refused = runCatching { open().use { it.withModel { error("was given") } } }.exceptionOrNull()
        assertEquals("storage-corrupt", (refused as? ModelSealException)?.code, "$refused")
        val until = reads.get()
        assertEquals(until, reads.also { Thread.sleep(50) }.get())
    }

    @Test
    fun `whoever is cancelled while the model is read waits for nobody`() = runBlocking {
        val reading = CompletableDeferred<Unit>()
        val model = open()
        onRead = {
            reading.complete(Unit)
            awaitCancellation()
        }
        val user = launch { model.withModel { error("was given") } }
        reading.await()
        user.cancelAndJoin()
        assertTrue(user.isCancelled)
        onRead = {}
        assertArrayEquals(bytes, model.use { it.withModel(::copyOf) })
    }

    private suspend fun open(): OpenModel {
        val files = FileStorage(folder)
        val storage = object : ModelStorage by files {
            override suspend fun readInto(name: String, offset: Long, into: ByteArray, length: Int): Int? {
                reads.incrementAndGet()
                onRead()
                return files.readInto(name, offset, into, length)
            }
        }
        val manifest = Manifest(
            "m", "1", "opaque", bytes.size.toLong(), "", layers.map { Layer(it.index, it.offset, it.length, null, null, null) }, 0, false,
        )
        val licence = Licence("g_1", "u_1", "d_1", "m", "1", "", "", 0, 0, 1, 0)
        return OpenModel(manifest, licence, inGrace = false, LayerReader.open(storage, "model", keys())) {}
    }

    private fun keys() = ContainerKeys.derive(ByteArray(32) { 7 }, Purpose.STORAGE)

    private fun copyOf(buffer: ByteBuffer): ByteArray = ByteArray(buffer.remaining()).also(buffer::get)

    private fun isWiped(buffer: ByteBuffer): Boolean {
        val whole = buffer.duplicate()
        whole.clear()
        return copyOf(whole).all { it == 0.toByte() }
    }
}
