package io.modelseal.testing

import io.modelseal.GetOptions
import io.modelseal.ModelSeal
import io.modelseal.UpdatePolicy
import kotlinx.coroutines.async
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test

/** docs/mobile/sdk-behaviour.md: R41 to R44, as openings.test.ts in TypeScript. */
class OpeningsTest {
    private val phone = Phone()
    private val model = PublishedModel()

    @BeforeEach
    fun reset() = LocalStack.resetNetwork()

    private fun metered() = phone.start(updates = UpdatePolicy.WIFI, isUnmetered = { false })

    private suspend fun ModelSeal.use(version: String? = null, id: String = model.id) = get(id, GetOptions(version)).close()

    private fun files(kind: String) = phone.files().filter { it.endsWith(kind) }

    private fun told(type: String) = LocalStack.reported().filter { it.word("type") == type }

    private fun JsonObject.word(name: String) = get(name)?.jsonPrimitive?.content

    private fun assertNobodyAsked() = assertCalls("challenge" to 0, "models" to 0, "grant" to 0, "download" to 0)

    @Test
    fun `R41 refresh erases the copies of a version that was revoked, however it was asked for, on any network`() = runBlocking {
        phone.start().use("1.0.0")
        phone.start().use()
        model.update("2.0.0")
        LocalStack.revoke(model.id, "1.0.0")
        assertEquals(2, files(".record").size)
        LocalStack.resetNetwork()
        metered().refresh()
        assertEquals(emptyList<String>(), files(".record") + files(".model"))
        assertCalls("models" to 1, "grant" to 0)
    }

    @Test
    fun `R41 cleanUp erases them without asking anybody, once the record is known`() = runBlocking {
        phone.start().use("1.0.0")
        model.update("2.0.0")
        LocalStack.revoke(model.id, "1.0.0")
        phone.start().use()
        assertEquals(2, files(".record").size)
        LocalStack.resetNetwork()
        phone.start().cleanUp()
        assertEquals(1, files(".record").size)
        assertNobodyAsked()
        assertEquals("2.0.0", phone.start().get(model.id).use { it.manifest.version })
    }

    @Test
    fun `R41 a download that broke off is not gone on with after its version was revoked`() = runBlocking {
        LocalStack.faults(
            """{"call":"download","kind":"truncate","bytes":1200000}""",
            """{"call":"download","kind":"login","times":9}""",
        )
        assertEquals("intercepted", codeOf { phone.start().get(model.id) })
        assertEquals(1, files(".pending").size)
        LocalStack.resetNetwork()
        val next = model.update("2.0.0")
        LocalStack.revoke(model.id, "1.0.0")
        // Another copy of this account brings the record.
        phone.start().use("2.0.0")
        assertArrayEquals(next, bytesOf(phone.start().get(model.id)))
        assertEquals(emptyList<String>(), files(".pending"))
    }

    @Test
    fun `R42 a copy lies ready, nothing is opened, and get waits for no network`() = runBlocking {
        var doneBytes = 0L
        assertTrue(phone.start().prefetch(model.id, GetOptions(onProgress = { done, _ -> doneBytes = done })))
        assertEquals(model.bytes.size.toLong(), doneBytes)
        LocalStack.resetNetwork()
        assertTrue(phone.start().prefetch(model.id))
        assertArrayEquals(model.bytes, bytesOf(phone.start().get(model.id)))
        assertNobodyAsked()
    }

    @Test
    fun `R42 wifi - on a metered network nothing is fetched, and what lies there is ready`() = runBlocking {
        assertFalse(metered().prefetch(model.id))
        assertNobodyAsked()
        assertTrue(phone.start(updates = UpdatePolicy.WIFI).prefetch(model.id, GetOptions("1.0.0")))
        assertTrue(metered().prefetch(model.id, GetOptions("1.0.0")))
        assertFalse(metered().prefetch(model.id))
        assertCalls("grant" to 1)
        // Who asks for the model itself gets it.
        metered().use()
    }

    @Test
    fun `R42 R11 prefetch and get at once share one grant and one download`() = runBlocking {
        val seal = phone.start()
        val isReady = async { seal.prefetch(model.id) }
        seal.use()
        assertTrue(isReady.await())
        assertCalls("grant" to 1, "download" to 1)
    }

    @Test
    fun `R42 R2 who has signed out fetches nothing ahead`() = runBlocking {
        val seal = phone.start()
        seal.signOut()
        assertEquals("closed", codeOf { seal.prefetch(model.id) })
    }

    @Test
    fun `R43 an opening is told once a launch and copy, with how long it took where it was fetched`() = runBlocking {
        val first = phone.start()
        first.prefetch(model.id)
        repeat(3) { first.use() }
        first.sendReports()
        val fetched = told("model.opened").single()
        assertEquals(listOf(model.id, "1.0.0"), listOf(fetched.word("model"), fetched.word("version")))
        assertEquals(setOf("tookMs"), fetched.getValue("attributes").jsonObject.keys)
        val second = phone.start()
        repeat(3) { second.use() }
        second.sendReports()
        val stored = told("model.opened").also { assertEquals(2, it.size) }.last()
        assertEquals(fetched.word("grant"), stored.word("grant"))
        assertFalse("attributes" in stored)
        assertNotEquals(fetched.word("eventId"), stored.word("eventId"))
    }

    @Test
    fun `R44 a crash is told of the copy that the app opened last, not of one that was only fetched`() = runBlocking {
        val first = phone.start()
        first.use()
        model.update("2.0.0")
        first.refresh()
        assertEquals(2, files(".record").size)
        // The app crashes, and starts again.
        val second = phone.start()
        second.reportCrash(model.id)
        second.use()
        second.sendReports()
        assertEquals(listOf("1.0.0"), told("model.crashed").map { it.word("version") })
        val third = phone.start()
        third.use("2.0.0")
        third.sendReports()
        third.reportCrash(model.id)
        third.sendReports()
        assertEquals(listOf("1.0.0", "2.0.0"), told("model.crashed").map { it.word("version") })
        val grants = told("model.opened").associate { it.word("version") to it.word("grant") }
        for (crash in told("model.crashed")) assertEquals(grants[crash.word("version")], crash.word("grant"))
    }

    @Test
    fun `R44 nothing is told where no copy was opened, and of no other model`() = runBlocking {
        val other = PublishedModel()
        phone.start().prefetch(model.id)
        phone.start().use(id = other.id)
        val seal = phone.start()
        seal.reportCrash(model.id)
        seal.reportCrash("no-such-model")
        seal.sendReports()
        assertEquals(emptyList<JsonObject>(), told("model.crashed"))
    }
}
