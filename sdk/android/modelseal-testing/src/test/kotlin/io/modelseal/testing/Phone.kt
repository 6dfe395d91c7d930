package io.modelseal.testing

import io.modelseal.AttestedKey
import io.modelseal.DevicePlatform
import io.modelseal.HardwareKey
import io.modelseal.ModelSeal
import io.modelseal.ModelSealConfig
import io.modelseal.ModelSealException
import io.modelseal.ModelStorage
import io.modelseal.OpenModel
import io.modelseal.UpdatePolicy
import io.modelseal.UserToken
import io.modelseal.store.FileStorage
import java.io.File
import java.nio.file.Files
import java.util.UUID
import java.util.concurrent.atomic.AtomicInteger
import kotlin.random.Random
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonObject
import okhttp3.OkHttpClient
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.fail

/** A phone whose parts a test may change between the starts of its app. */
internal class Phone(val user: String = "u-${UUID.randomUUID()}") {
    val folder: File = Files.createTempDirectory("modelseal-phone").toFile()
    val enrolments = AtomicInteger()
    private val software = DevelopmentPhone(LocalStack.developmentUrl, LocalStack.androidApp)
    var keysLost = false
    var nowMs: () -> Long = System::currentTimeMillis
    var userToken = UserToken { LocalStack.token(user) }
    var hardwareKey: HardwareKey = SoftwareKey(ByteArray(32) { 7 })
    var storage: ModelStorage = FileStorage(folder)
    var http = OkHttpClient()

    private val platform = object : DevicePlatform by software {
        override suspend fun createAttestedKey(clientDataHash: ByteArray): AttestedKey {
            enrolments.incrementAndGet()
            keysLost = false
            return software.createAttestedKey(clientDataHash)
        }

        override suspend fun prove(keyHandle: String, clientDataHash: ByteArray): JsonObject =
            software.prove(if (keysLost) "lost" else keyHandle, clientDataHash)
    }

    /** The app starts. */
    fun start(
        account: String = user,
        updates: UpdatePolicy = UpdatePolicy.NEXT_LAUNCH,
        isUnmetered: () -> Boolean = { true },
    ) = ModelSeal(
        ModelSealConfig(
            baseUrl = LocalStack.networkUrl,
            account = account,
            userToken = { userToken.get(it) },
            platform = platform,
            hardwareKey = hardwareKey,
            storage = storage,
            pinnedKeys = LocalStack.pinnedKeys,
            updates = updates,
            isUnmetered = isUnmetered,
            http = http,
            nowMs = { nowMs() },
        ),
    )

    /** Of copies: events wait beside them, and what the publisher last had on offer is remembered past their end. */
    fun files(): List<String> = folder.list()!!.filter { !it.startsWith(".") && !it.endsWith(".release") && !it.endsWith(".events") }.sorted()
}

/** Where its events wait to be told; null where none do. */
internal fun Phone.eventFile(): File? = folder.listFiles()!!.find { !it.name.startsWith(".") && it.name.endsWith(".events") }

/** A model that is published under a name of its own. */
internal class PublishedModel(sizeBytes: Int = 3_000_000, val id: String = "m-${UUID.randomUUID()}") {
    val bytes = bytes(sizeBytes)

    init {
        LocalStack.publish(id, "1.0.0", bytes)
    }

    /** Another version; gives its bytes. */
    fun update(version: String, next: ByteArray = bytes(bytes.size)): ByteArray {
        // Published within a second of the last it would be as new as that.
        Thread.sleep(1100)
        return next.also { LocalStack.publish(id, version, it) }
    }

    private fun bytes(size: Int) = Random.nextBytes(size)
}

internal fun bytesOf(model: OpenModel): ByteArray = runBlocking {
    model.withModel { buffer -> ByteArray(buffer.remaining()).also(buffer::get) }
}

/** The code of what `work` throws. */
internal suspend fun codeOf(work: suspend () -> Any?): String = try {
    fail("gave ${work()}")
} catch (error: ModelSealException) {
    error.code
}

internal fun assertCalls(vararg expected: Pair<String, Int>) =
    assertEquals(expected.toMap(), expected.associate { (name, _) -> name to LocalStack.calls(name) })
