package io.modelseal.testing

import io.modelseal.GetOptions
import io.modelseal.UpdatePolicy
import java.io.File
import kotlin.random.Random
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test

/** docs/mobile/sdk-behaviour.md: R31. */
class PatchesTest {
    private val phone = Phone()
    private val model = PublishedModel()

    @BeforeEach
    fun reset() = LocalStack.resetNetwork()

    /** The phone has the first version; gives a second one, which differs in its last tenth. */
    private suspend fun outdated(): ByteArray {
        phone.start().get(model.id).close()
        val next = model.bytes.copyOf()
        Random.nextBytes(next.size / 10).copyInto(next, next.size / 10 * 9)
        model.update("2.0.0", next)
        LocalStack.resetNetwork()
        return next
    }

    private suspend fun newest() = bytesOf(phone.start(updates = UpdatePolicy.NOW).get(model.id))

    private fun delivered() = LocalStack.calls("deliveredBytes")

    @Test
    fun `R31 what changed comes alone, and makes the new version from the old copy`() = runBlocking {
        val next = outdated()
        assertArrayEquals(next, newest())
        assertCalls("grant" to 1, "download" to 1)
        assertTrue(delivered() < next.size * 11 / 100, "${delivered()} bytes")
        phone.start().cleanUp()
        assertArrayEquals(next, bytesOf(phone.start().get(model.id)))
        assertEquals(1, phone.files().count { it.endsWith(".model") })
    }

    @Test
    fun `R31 a version of other bytes comes whole`() = runBlocking {
        phone.start().get(model.id).close()
        val next = model.update("2.0.0")
        LocalStack.resetNetwork()
        assertArrayEquals(next, newest())
        assertCalls("grant" to 1)
        assertTrue(delivered() > next.size)
    }

    @Test
    fun `R31 the same bytes under another version, or asked for in another way, are not fetched again`() = runBlocking {
        phone.start().get(model.id, GetOptions(version = "1.0.0")).close()
        model.update("2.0.0", model.bytes)
        LocalStack.resetNetwork()
        assertArrayEquals(model.bytes, newest())
        assertTrue(delivered() < 1000, "${delivered()} bytes")
    }

    @Test
    fun `R31 a patch that was tampered with gives way to the whole, once, and the old copy stays`() = runBlocking {
        val next = outdated()
        LocalStack.faults("""{"call":"download","kind":"damage","bytes":5000,"times":3}""")
        assertArrayEquals(next, newest())
        assertCalls("grant" to 2, "download" to 4)
    }

    @Test
    fun `R31 no more than once, a whole that does not open either is an error, and the old copy opens`() = runBlocking {
        outdated()
        LocalStack.faults("""{"call":"download","kind":"damage","bytes":5000,"times":9}""")
        assertEquals("chunk-forged", codeOf { newest() })
        assertCalls("grant" to 2, "download" to 6)
        LocalStack.resetNetwork()
        assertArrayEquals(model.bytes, bytesOf(phone.start().get(model.id)))
    }

    @Test
    fun `R31 a copy that is not what was written is no base, the whole comes`() = runBlocking {
        val next = outdated()
        val file = File(phone.folder, phone.files().first { it.endsWith(".model") })
        file.writeBytes(file.readBytes().also { it.fill(0, 10_000, 20_000) })
        assertArrayEquals(next, newest())
        assertCalls("grant" to 2)
    }

    @Test
    fun `R31 killed in the middle of a patch, the next launch begins it again`() = runBlocking {
        val next = outdated()
        val seal = phone.start(updates = UpdatePolicy.NOW)
        assertEquals("closed", codeOf { seal.get(model.id, GetOptions(onProgress = { _, _ -> seal.close() })) })
        assertArrayEquals(next, newest())
        assertCalls("grant" to 1)
        assertTrue(delivered() < next.size / 4, "${delivered()} bytes")
    }
}
