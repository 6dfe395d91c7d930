package io.modelseal.bench

import io.modelseal.protocol.ContainerHeader
import io.modelseal.protocol.ContainerKeys
import io.modelseal.protocol.LayerCipher
import io.modelseal.protocol.Purpose
import io.modelseal.protocol.SecureCell
import io.modelseal.protocol.WeightLayer
import io.modelseal.protocol.randomBytes
import io.modelseal.protocol.sha256
import io.modelseal.store.FileStorage
import io.modelseal.store.LayerReader
import java.io.File
import java.nio.ByteBuffer
import javax.crypto.Cipher
import javax.crypto.spec.GCMParameterSpec
import javax.crypto.spec.IvParameterSpec
import javax.crypto.spec.SecretKeySpec
import kotlin.random.Random
import kotlinx.coroutines.runBlocking

private const val CHUNK_BYTES = 1 shl 20
private const val LAYERS = 400
private const val GAP_BYTES = 24

/**
 * `write FOLDER MEBIBYTES` stores a model. `speed FOLDER MEBIBYTES ROUNDS` opens it in rounds, beside AES-GCM alone
 * over as many bytes, and AES-GCM with AES-CTR: nanoseconds, a line a round. `memory FOLDER MEBIBYTES`: by how
 * many bytes the process grew above the model's buffer while it opened it once.
 */
fun main(arguments: Array<String>) {
    val model = StoredModel(File(arguments[1]), arguments[2].toLong() shl 20)
    when (arguments[0]) {
        "write" -> model.write()
        "speed" -> speed(model, arguments[3].toInt())
        "memory" -> println(memory(model))
    }
}

/** A model as the store keeps it, laid out as real ones are. */
private class StoredModel(folder: File, val sizeBytes: Long) {
    private val storage = FileStorage(folder)
    private val keys = ContainerKeys.derive(ByteArray(32) { 7 }, Purpose.STORAGE)

    fun open(into: ByteBuffer) = runBlocking {
        LayerReader.open(storage, "model", keys).read(0, into, decryptLayers = true)
    }

    fun write() = runBlocking {
        val header = ContainerHeader(true, CHUNK_BYTES, sizeBytes, layers())
        val hash = sha256(header.encode())
        val cipher = LayerCipher(keys.weightsKey, header.layers)
        storage.writeAt("model", 0, header.encode())
        for (index in 0 until header.chunkCount) {
            val place = header.chunk(index)
            val chunk = Random.nextBytes(place.length).also { cipher.apply(it, place.offset) }
            storage.writeAt("model", place.start, SecureCell.seal(keys.fileKey, header.chunkContext(hash, index), chunk))
        }
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
        { repeat(chunks) { gcm() } },
        { repeat(chunks) { gcm(); ctr() } },
    )
    repeat(rounds) {
        val nanoseconds = contestants.map { work ->
            val begin = System.nanoTime()
            work()
            System.nanoTime() - begin
        }
        println(nanoseconds.joinToString(" "))
    }
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
