package io.modelseal.bench

import io.modelseal.ModelStorage
import io.modelseal.protocol.ContainerHeader
import io.modelseal.protocol.ContainerKeys
import io.modelseal.protocol.Purpose
import io.modelseal.protocol.WeightLayer
import io.modelseal.protocol.randomBytes
import io.modelseal.store.FileStorage
import io.modelseal.store.LayerReader
import io.modelseal.store.storeModel
import java.io.File
import java.nio.ByteBuffer
import java.security.Security
import javax.crypto.Cipher
import javax.crypto.spec.GCMParameterSpec
import javax.crypto.spec.IvParameterSpec
import javax.crypto.spec.SecretKeySpec
import kotlin.random.Random
import kotlinx.coroutines.runBlocking
import org.conscrypt.Conscrypt

private const val CHUNK_BYTES = 1 shl 20
private const val LAYERS = 400
private const val GAP_BYTES = 24

/**
 * `write FOLDER MEBIBYTES` stores a model. `speed FOLDER MEBIBYTES ROUNDS` opens it in rounds, from its file and from
 * memory, beside AES-GCM alone over as many bytes, and AES-GCM with AES-CTR, both on one thread: of each the nanoseconds
 * that passed and those that processors worked, a line a round. `memory FOLDER MEBIBYTES`: by how many bytes the process
 * grew above the model's buffer while it opened it once. With `-Dconscrypt` by Android's provider of JCA, else by the JVM's own.
 */
fun main(arguments: Array<String>) {
    if (System.getProperty("conscrypt") != null) Security.insertProviderAt(Conscrypt.newProvider(), 1)
    val model = StoredModel(File(arguments[1]), arguments[2].toLong() shl 20)
    when (arguments[0]) {
        "write" -> model.write()
        "speed" -> speed(model, arguments[3].toInt())
        "memory" -> println(memory(model))
    }
}

/** A model as the store keeps it, laid out as real ones are. */
private class StoredModel(private val folder: File, val sizeBytes: Long) {
    private val storage = FileStorage(folder)
    private val keys = ContainerKeys.derive(ByteArray(32) { 7 }, Purpose.STORAGE)

    fun open(into: ByteBuffer, from: ModelStorage = storage) = runBlocking {
        LayerReader.open(from, "model", keys).read(0, into, decryptLayers = true)
    }

    /** What a disk and its system take is none of the SDK's. */
    fun inMemory(): ModelStorage {
        val bytes = File(folder, "model").readBytes()
        return object : ModelStorage by storage {
            override suspend fun readInto(name: String, offset: Long, into: ByteArray, length: Int): Int {
                System.arraycopy(bytes, offset.toInt(), into, 0, length)
                return length
            }
        }
    }

    fun write() = runBlocking {
        val header = ContainerHeader(true, CHUNK_BYTES, sizeBytes, layers())
        storage.storeModel("model", header, keys) { Random.nextBytes(it.length) }
    }

    private fun layers(): List<WeightLayer> {
        var offset = 4096L
        return List(LAYERS) {
            // Every eighth layer has most of the bytes, as convolutions have beside their biases.
            val share = if (it % 8 == 7) 7.5 / LAYERS else 0.07 / LAYERS
            val length = (share * (sizeBytes - 65_536)).toLong() + 64
            WeightLayer(it + 1L, offset, length).also { offset += length + GAP_BYTES }
        }
    }
}

private fun speed(model: StoredModel, rounds: Int) {
    val buffer = ByteBuffer.allocateDirect(model.sizeBytes.toInt())
    val memory = model.inMemory()
    val (key, iv) = SecretKeySpec(randomBytes(32), "AES") to randomBytes(12)
    val plain = randomBytes(CHUNK_BYTES)
    val sealed = Cipher.getInstance("AES/GCM/NoPadding").run {
        init(Cipher.ENCRYPT_MODE, key, GCMParameterSpec(128, iv))
        doFinal(plain)
    }
    val gcm = {
        Cipher.getInstance("AES/GCM/NoPadding").run {
            init(Cipher.DECRYPT_MODE, key, GCMParameterSpec(128, iv))
            doFinal(sealed)
        }
    }
    val ctr = {
        Cipher.getInstance("AES/CTR/NoPadding").run {
            init(Cipher.DECRYPT_MODE, key, IvParameterSpec(ByteArray(16)))
            update(plain)
        }
    }
    val chunks = (model.sizeBytes / CHUNK_BYTES).toInt()
    val contestants = listOf(
        { model.open(buffer.clear() as ByteBuffer) },
        { model.open(buffer.clear() as ByteBuffer, memory) },
        { repeat(chunks) { gcm() } },
        { repeat(chunks) { gcm(); ctr() } },
    )
    repeat(rounds) {
        val nanoseconds = contestants.flatMap { work ->
            val (begin, beginCpu) = System.nanoTime() to processorNanoseconds()
            work()
            listOf(System.nanoTime() - begin, processorNanoseconds() - beginCpu)
        }
        println(nanoseconds.joinToString(" "))
    }
}

/** Of all threads that there are; Java's own figure counts in hundredths of a second. */
private fun processorNanoseconds(): Long = File("/proc/self/task").listFiles().orEmpty().sumOf { thread ->
    runCatching { File(thread, "schedstat").readText().substringBefore(' ').toLong() }.getOrDefault(0)
}

private fun memory(model: StoredModel): Long {
    val before = statusBytes("VmRSS")
    // What the kernel remembers of before is forgotten (proc(5), clear_refs).
    File("/proc/self/clear_refs").writeText("5")
    model.open(ByteBuffer.allocateDirect(model.sizeBytes.toInt()))
    return statusBytes("VmHWM") - before - model.sizeBytes
}

private fun statusBytes(name: String): Long =
    File("/proc/self/status").readLines().single { it.startsWith("$name:") }.filter(Char::isDigit).toLong() * 1024
