package io.modelseal.testing

import io.modelseal.HardwareKey
import io.modelseal.ModelStorage
import java.io.File
import java.io.IOException
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test

/** docs/mobile/sdk-behaviour.md: R1 to R6. */
class UsersAndStorageTest {
    private val phone = Phone()

    @BeforeEach
    fun reset() = LocalStack.resetNetwork()

    @Test
    fun `R1 a copy of one account opens for no other on the same phone`() = runBlocking {
        val model = PublishedModel()
        phone.start().get(model.id).close()
        val files = phone.files()
        phone.userToken = io.modelseal.UserToken { LocalStack.token("other-${phone.user}") }
        phone.start(account = "other").use { seal ->
            LocalStack.resetNetwork()
            assertArrayEquals(model.bytes, bytesOf(seal.get(model.id)))
            assertCalls("grant" to 1, "enrol" to 1)
            seal.signOut(erase = true)
        }
        assertEquals(files, phone.files().filterNot { it.startsWith(otherTag(files)) })
    }

    @Test
    fun `R1 no account is none, and is refused as the app starts`() {
        assertThrows(IllegalArgumentException::class.java) { phone.start(account = "") }
    }

    private fun otherTag(files: List<String>): String =
        phone.files().map { it.substringBefore('.') }.first { it != files.first().substringBefore('.') }

    @Test
    fun `R2 signing out closes, and signing in again opens without a grant`() = runBlocking {
        val model = PublishedModel()
        val seal = phone.start()
        val open = seal.get(model.id)
        seal.signOut()
        assertEquals("closed", codeOf { open.withModel { } })
        assertEquals("closed", codeOf { seal.get(model.id) })
        LocalStack.resetNetwork()
        assertArrayEquals(model.bytes, bytesOf(phone.start().get(model.id)))
        assertCalls("grant" to 0, "challenge" to 0)
    }

    @Test
    fun `R3 a key that is out of reach for a moment costs nothing`() = runBlocking {
        val model = PublishedModel()
        phone.start().get(model.id).close()
        val files = phone.files()
        LocalStack.resetNetwork()
        val working = phone.hardwareKey
        phone.hardwareKey = object : HardwareKey by working {
            override suspend fun unwrap(wrapped: ByteArray): ByteArray = throw IllegalStateException("the phone is locked")
        }
        val locked = phone.start()
        assertEquals("key-unavailable", codeOf { locked.get(model.id) })
        locked.runCatching { cleanUp() }
        assertEquals(files, phone.files())
        phone.hardwareKey = working
        assertArrayEquals(model.bytes, bytesOf(phone.start().get(model.id)))
        assertCalls("grant" to 0)
    }

    @Test
    fun `R3 a storage that does not answer costs nothing`() = runBlocking {
        val model = PublishedModel()
        phone.start().get(model.id).close()
        val files = phone.files()
        LocalStack.resetNetwork()
        val working = phone.storage
        phone.storage = object : ModelStorage by working {
            override suspend fun read(name: String, offset: Long, length: Int): ByteArray? = throw IOException("EIO")
        }
        assertEquals("storage-unavailable", codeOf { phone.start().get(model.id) })
        assertEquals(files, phone.files())
        assertCalls("grant" to 0)
    }

    @Test
    fun `R4 a lost wrapping key and changed bytes are mended by a new grant`() = runBlocking {
        val model = PublishedModel()
        phone.start().get(model.id).close()
        phone.hardwareKey = SoftwareKey(ByteArray(32) { 9 })
        assertArrayEquals(model.bytes, bytesOf(phone.start().get(model.id)))
        val record = phone.folder.listFiles()!!.single { it.name.endsWith(".record") }
        record.writeText(record.readText().replace("\"v\":2", "\"v\":3"))
        assertArrayEquals(model.bytes, bytesOf(phone.start().also { it.cleanUp() }.get(model.id)))
        assertEquals(1, phone.files().count { it.endsWith(".record") })
        assertCalls("grant" to 3)
    }

    @Test
    fun `R5 a full disk is seen before a grant is spent`() = runBlocking {
        val model = PublishedModel()
        val working = phone.storage
        phone.storage = object : ModelStorage by working {
            override suspend fun freeBytes(): Long = 1_000_000
        }
        assertEquals("storage-full", codeOf { phone.start().get(model.id) })
        assertCalls("grant" to 0)
    }

    @Test
    fun `R6 no byte of the model is written in the clear`() = runBlocking {
        val model = PublishedModel()
        bytesOf(phone.start().get(model.id))
        val piece = model.bytes.copyOfRange(1000, 1032)
        for (file in phone.folder.listFiles()!!) assertFalse(contains(file, piece), file.name)
    }

    private fun contains(file: File, piece: ByteArray): Boolean {
        val bytes = file.readBytes()
        return (0..bytes.size - piece.size).any { at -> piece.indices.all { bytes[at + it] == piece[it] } }
    }
}
