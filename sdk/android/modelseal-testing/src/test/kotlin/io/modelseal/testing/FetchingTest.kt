package io.modelseal.testing

import io.modelseal.GetOptions
import io.modelseal.store.FileStorage
import java.util.concurrent.atomic.AtomicLong
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test

/** docs/mobile/sdk-behaviour.md: R11 to R15. */
class FetchingTest {
    private val phone = Phone()
    private val model = PublishedModel()

    @BeforeEach
    fun reset() = LocalStack.resetNetwork()

    @Test
    fun `R11 five at once share one enrolment, one grant and one download`() = runBlocking(Dispatchers.Default) {
        val seal = phone.start()
        val opened = List(5) { async { seal.get(model.id).use(::bytesOf) } }.awaitAll()
        for (bytes in opened) assertArrayEquals(model.bytes, bytes)
        assertCalls("enrol" to 1, "grant" to 1)
    }

    @Test
    fun `R11 who gives up alone stops nobody`() = runBlocking(Dispatchers.Default) {
        val seal = phone.start()
        val other = async { seal.get(model.id).use(::bytesOf) }
        val quitter = launch { seal.get(model.id).close() }
        delay(20)
        quitter.cancelAndJoin()
        assertArrayEquals(model.bytes, other.await())
        assertCalls("grant" to 1)
    }

    @Test
    fun `R12 of several processes one fetches and the others use its copy`() = runBlocking(Dispatchers.Default) {
        // Each with a storage of its own on the one folder, as an app and its service have.
        val opened = List(3) { phone.storage = FileStorage(phone.folder); phone.start() }
            .map { seal -> async { seal.get(model.id).use(::bytesOf) } }.awaitAll()
        for (bytes in opened) assertArrayEquals(model.bytes, bytes)
        assertCalls("enrol" to 1, "grant" to 1)
    }

    @Test
    fun `R12 a model may be called as a lock is`() = runBlocking(Dispatchers.Default) {
        for (name in listOf("enrolment", "events", "reports")) {
            val named = PublishedModel(10_000, name)
            withTimeout(60_000) { assertArrayEquals(named.bytes, Phone().start().get(name).use(::bytesOf)) }
        }
    }

    @Test
    fun `R13 killed in mid-download, the next start goes on with the same grant`() = runBlocking {
        killAfterTheFirstChunk()
        assertEquals(1, phone.files().count { it.endsWith(".pending") })
        val first = AtomicLong(-1)
        phone.start().get(model.id, GetOptions(onProgress = { done, _ -> first.compareAndSet(-1, done) })).use {
            assertArrayEquals(model.bytes, bytesOf(it))
        }
        assertTrue(first.get() > 1 shl 20, "began at ${first.get()}")
        assertCalls("grant" to 1)
        assertEquals(0, phone.files().count { it.endsWith(".pending") })
    }

    @Test
    fun `R14 where the URL has ended, one new grant takes the chunks over`() = runBlocking {
        killAfterTheFirstChunk()
        LocalStack.faults("""{"call":"download","kind":"status","status":403}""")
        val first = AtomicLong(-1)
        phone.start().get(model.id, GetOptions(onProgress = { done, _ -> first.compareAndSet(-1, done) })).use {
            assertArrayEquals(model.bytes, bytesOf(it))
        }
        assertTrue(first.get() > 1 shl 20, "began at ${first.get()}")
        assertCalls("grant" to 2)
        assertEquals(2, phone.files().count { !it.endsWith(".enrolment") }, phone.files().toString())
    }

    @Test
    fun `R15 what nobody can go on with is erased, and erasing everything erases it`() = runBlocking {
        killAfterTheFirstChunk()
        phone.start().retireDevice()
        assertEquals(emptyList<String>(), phone.folder.list()!!.filter { !it.startsWith(".") })
        killAfterTheFirstChunk()
        phone.folder.listFiles()!!.single { it.name.endsWith(".pending") }.delete()
        phone.start().cleanUp()
        assertEquals(0, phone.files().count { it.endsWith(".model") })
    }

    @Test
    fun `R15 so are files of the first version, and what was half written when an app was killed`() = runBlocking {
        val seal = phone.start()
        seal.get(model.id).close()
        val files = phone.files()
        val old = "g_AAAAAAAAAAAAAAAAAAAAAA"
        for (name in listOf("$old.record", "$old.model", ".partial-4f1d3c4e", "notes.txt")) {
            java.io.File(phone.folder, name).apply { writeText("old") }.setLastModified(0)
        }
        java.io.File(phone.folder, ".partial-5a2e4d5f").writeText("being written")
        seal.cleanUp()
        assertEquals((files + "notes.txt").sorted(), phone.files())
        // There may be one more: events are stored meanwhile.
        val hidden = listOf(".partial-4f1d3c4e", ".partial-5a2e4d5f").filter { java.io.File(phone.folder, it).exists() }
        assertEquals(listOf(".partial-5a2e4d5f"), hidden)
    }

    private suspend fun killAfterTheFirstChunk() {
        val seal = phone.start()
        LocalStack.faults("""{"call":"download","kind":"truncate","bytes":1500000}""", """{"call":"download","kind":"reset","times":9}""")
        val code = codeOf { seal.get(model.id, GetOptions(onProgress = { _, _ -> seal.close() })) }
        assertEquals("closed", code)
        LocalStack.endFaults()
    }
}
