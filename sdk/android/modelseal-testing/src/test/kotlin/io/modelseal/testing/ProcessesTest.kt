package io.modelseal.testing

import io.modelseal.ClientEvent
import io.modelseal.ModelSeal
import io.modelseal.ModelSealConfig
import io.modelseal.UserToken
import io.modelseal.VerificationKey
import io.modelseal.store.FileStorage
import java.io.File
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpRequest.BodyPublishers
import java.net.http.HttpResponse.BodyHandlers
import java.security.MessageDigest
import kotlin.random.Random
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** docs/mobile/sdk-behaviour.md: R12 and R27 by processes of the system, as an app and its service are. */
class ProcessesTest {
    @Test
    fun `R12 of several processes of the system one fetches`() {
        LocalStack.resetNetwork()
        val phone = Phone()
        val model = PublishedModel()
        val processes = List(3) { OtherProcess.begin(phone, model.id) }
        val digest = OtherProcess.digestOf(model.bytes)
        assertEquals(List(3) { digest }, processes.map { it.inputStream.readAllBytes().decodeToString().trim() })
        assertEquals(List(3) { 0 }, processes.map(Process::waitFor))
        assertCalls("enrol" to 1, "grant" to 1, "download" to 1)
    }

    @Test
    fun `R27 several processes of an app lose none of each other's events`() = runBlocking {
        LocalStack.resetNetwork()
        val phone = Phone()
        val processes = List(3) { OtherProcess.begin(phone, "observe:40") }
        assertEquals(List(3) { 0 }, processes.map(Process::waitFor))
        phone.start().sendReports()
        assertEquals(120, LocalStack.reported().map { it["eventId"] }.toSet().size)
        assertEquals(120, LocalStack.reported().size)
    }

    @Test
    fun `R27 a process killed while it writes leaves what it had written`() = runBlocking {
        LocalStack.resetNetwork()
        val phone = Phone()
        repeat(3) { round ->
            val before = phone.eventFile()?.length()
            val process = OtherProcess.begin(phone, "observe:1000000")
            while (phone.eventFile().let { it == null || it.length() == before }) Thread.sleep(5)
            Thread.sleep(Random.nextLong(50))
            process.destroyForcibly().waitFor()
            phone.start().use { it.cleanUp() }
            assertTrue(phone.eventFile()!!.length() > (before ?: 0), "round $round")
        }
        phone.start().sendReports()
        val ids = LocalStack.reported().map { it["eventId"] }
        assertTrue(ids.size >= 3)
        assertEquals(ids.toSet().size, ids.size)
        assertEquals(null, phone.eventFile())
    }
}

/** One process of an app: gets a model and prints its digest, or notes as many events as behind `observe:`. */
internal object OtherProcess {
    fun begin(phone: Phone, task: String): Process {
        val arguments = listOf(phone.folder.path, phone.user, task, LocalStack.networkUrl, LocalStack.developmentUrl) +
            listOf(LocalStack.tokenUrl, LocalStack.androidApp) + LocalStack.pinnedJwks
        val java = File(System.getProperty("java.home"), "bin/java").path
        val classPath = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
        return ProcessBuilder(listOf(java, "-cp", classPath, OtherProcess::class.java.name) + arguments)
            .redirectError(ProcessBuilder.Redirect.INHERIT).start()
    }

    fun digestOf(bytes: ByteArray) =
        MessageDigest.getInstance("SHA-256").digest(bytes).joinToString("") { "%02x".format(it) }

    @JvmStatic
    fun main(arguments: Array<String>): Unit = runBlocking {
        val (folder, user, task, network, development) = arguments
        val (tokenUrl, app) = arguments.drop(5)
        val seal = ModelSeal(
            ModelSealConfig(
                baseUrl = network,
                account = user,
                userToken = UserToken { token(tokenUrl, user) },
                platform = DevelopmentPhone(development, app),
                hardwareKey = SoftwareKey(ByteArray(32) { 7 }),
                storage = FileStorage(File(folder)),
                pinnedKeys = arguments.drop(7).chunked(3).map { (kid, x, y) -> VerificationKey(kid, x, y) },
            ),
        )
        if (task.startsWith("observe:")) {
            repeat(task.substringAfter(':').toInt()) {
                seal.observe(ClientEvent.appStarted())
                delay(5)
            }
        } else {
            println(digestOf(seal.get(task).use(::bytesOf)))
        }
        seal.signOut()
    }

    private fun token(url: String, user: String): String {
        val request = HttpRequest.newBuilder(URI(url)).header("Content-Type", "application/x-www-form-urlencoded")
            .POST(BodyPublishers.ofString("subject=$user")).build()
        val answer = HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body()
        return Json.parseToJsonElement(answer).jsonObject.getValue("id_token").jsonPrimitive.content
    }
}
