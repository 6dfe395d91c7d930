package io.modelseal.android

import android.content.Context
import io.modelseal.ModelSeal
import io.modelseal.ModelSealConfig
import io.modelseal.VerificationKey
import java.io.File
import kotlinx.coroutines.runBlocking
import okhttp3.MediaType.Companion.toMediaType
import okhttp3.OkHttpClient
import okhttp3.Protocol
import okhttp3.Response
import okhttp3.ResponseBody.Companion.toResponseBody
import org.junit.After
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config

/** Where an app's copies lie, and what its periodic job tells WorkManager. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [28, 35])
class AppTest {
    private val keystore = FakeKeystore()
    private val context: Context get() = RuntimeEnvironment.getApplication()

    @After
    fun remove() = keystore.remove()

    @Test
    fun `copies lie where no backup takes them, and nowhere else`() = runBlocking {
        modelStorage(context).replace("name", byteArrayOf(1, 2))
        val folder = File(context.noBackupFilesDir, "modelseal")
        assertArrayEquals(byteArrayOf(1, 2), File(folder, "name").readBytes())
        val elsewhere = listOf(context.filesDir, context.cacheDir).flatMap { it.walk().filter(File::isFile).toList() }
        assertEquals(emptyList<File>(), elsewhere)
    }

    @Test
    fun `the periodic job succeeds, is tried again after what may pass, and gives up after what does not`() = runBlocking {
        val enrolled = listOf(200 to """{"challenge":"c"}""", 200 to """{"deviceId":"d"}""", 200 to """{"challenge":"c"}""")
        assertEquals(WorkResult.SUCCESS, seal(enrolled + listOf(200 to """{"erase":[]}""")).doPeriodicWork())
        assertEquals(WorkResult.RETRY, seal(emptyList()).doPeriodicWork())
        assertEquals(WorkResult.FAILURE, seal(listOf(403 to """{"code":"blocked"}""")).doPeriodicWork())
    }

    @Test
    fun `the periodic job is tried again on a locked phone`() = runBlocking {
        val folder = File(context.noBackupFilesDir, "modelseal").apply { deleteRecursively() }
        val locked = seal(emptyList(), File(folder, "a file instead of a folder").apply { parentFile!!.mkdirs(); writeText("") })
        assertEquals(WorkResult.RETRY, locked.doPeriodicWork())
    }

    /** An app whose service gives these answers, one after the other, and then none. */
    private fun seal(answers: List<Pair<Int, String>>, folder: File? = null): ModelSeal {
        val left = ArrayDeque(answers)
        val http = OkHttpClient.Builder().addInterceptor { chain ->
            val (status, body) = left.removeFirstOrNull() ?: throw java.io.IOException("nobody answers")
            Response.Builder().request(chain.request()).protocol(Protocol.HTTP_1_1).code(status).message("")
                .body(body.toResponseBody("application/json".toMediaType())).build()
        }.build()
        return ModelSeal(
            ModelSealConfig(
                baseUrl = "https://models.example.com",
                account = "user-${answers.size}",
                userToken = { "token" },
                platform = KeystorePlatform(context, "1.0"),
                hardwareKey = KeystoreWrappingKey(),
                storage = if (folder == null) modelStorage(context) else io.modelseal.store.FileStorage(folder),
                pinnedKeys = listOf("manifest.1", "licence.1").map { VerificationKey(it, GENERATOR_X, GENERATOR_Y) },
                createRecipientKey = ::keystoreRecipientKey,
                http = http,
            ),
        )
    }

    private companion object {
        /** P-256's generator (SEC 2 section 2.4.2): a public key by which nothing here is signed. */
        const val GENERATOR_X = "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY"
        const val GENERATOR_Y = "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"
    }
}
