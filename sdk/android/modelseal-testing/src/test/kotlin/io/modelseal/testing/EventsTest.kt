package io.modelseal.testing

import io.modelseal.ClientEvent
import io.modelseal.HardwareKey
import io.modelseal.ModelStorage
import io.modelseal.RaspSignal
import java.io.IOException
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

/** docs/mobile/sdk-behaviour.md: R27 past the end of the app, by what the service was sent. */
class EventsTest {
    private val phone = Phone()

    @BeforeEach
    fun reset() = LocalStack.resetNetwork()

    private suspend fun noted(event: ClientEvent, account: String = phone.user) {
        val seal = phone.start(account)
        seal.observe(event)
        seal.signOut()
    }

    private fun types() = LocalStack.reported().map { it.getValue("type").jsonPrimitive.content }

    private fun ids() = LocalStack.reported().map { it["eventId"] }.toSet()

    @Test
    fun `R27 events outlive the app, under their ids, and are told of once`() = runBlocking {
        val first = phone.start()
        first.observe(ClientEvent.raspSignal(RaspSignal.HOOK))
        LocalStack.faults("""{"call":"report","kind":"answer-lost","times":4}""")
        assertEquals("unreachable", codeOf { first.sendReports() })
        phone.start().sendReports()
        phone.start().sendReports()
        assertEquals(List(5) { "rasp.signal" }, types())
        assertEquals(1, ids().size)
        assertNull(phone.eventFile())
    }

    @ParameterizedTest
    @ValueSource(strings = ["cut off", "empty", "changed", "no text"])
    fun `R27 a damaged file stops nothing`(how: String) = runBlocking {
        noted(ClientEvent.appStarted())
        val file = phone.eventFile()!!
        val bytes = file.readBytes()
        file.writeBytes(
            when (how) {
                "cut off" -> bytes.copyOf(bytes.size / 2)
                "empty" -> ByteArray(0)
                "changed" -> bytes.dropLast(10).toByteArray() + "AAAAAAAA\"}".toByteArray()
                else -> byteArrayOf(-1, -2, 0)
            },
        )
        noted(ClientEvent.raspChecked())
        phone.start().sendReports()
        assertEquals(listOf("rasp.checked"), types())
    }

    @Test
    fun `R27 events whose key is lost for good are given up`() = runBlocking {
        noted(ClientEvent.appStarted())
        phone.hardwareKey = SoftwareKey(ByteArray(32) { 9 })
        noted(ClientEvent.raspChecked())
        phone.start().sendReports()
        assertEquals(listOf("rasp.checked"), types())
    }

    @Test
    fun `R3 R27 a locked phone or a full disk stops no report, and what is stored waits`() = runBlocking {
        noted(ClientEvent.appStarted())
        val (key, storage) = phone.hardwareKey to phone.storage
        phone.hardwareKey = object : HardwareKey {
            override suspend fun wrap(secret: ByteArray): ByteArray = throw IllegalStateException("locked")
            override suspend fun unwrap(wrapped: ByteArray): ByteArray = throw IllegalStateException("locked")
        }
        val locked = phone.start()
        locked.observe(ClientEvent.raspChecked())
        locked.sendReports()
        assertEquals(listOf("rasp.checked"), types())
        phone.hardwareKey = key
        phone.storage = object : ModelStorage by storage {
            override suspend fun replace(name: String, bytes: ByteArray): Unit = throw IOException("ENOSPC")
            override suspend fun delete(name: String): Unit = throw IOException("EIO")
        }
        val full = phone.start()
        full.sendReports()
        full.sendReports()
        assertEquals(listOf("rasp.checked", "app.started"), types())
        phone.storage = storage
        phone.start().sendReports()
        assertEquals(2, ids().size)
        assertNull(phone.eventFile())
    }

    @Test
    fun `R1 R27 events are their user's, and they go with what is erased`() = runBlocking {
        noted(ClientEvent.appStarted())
        assertFalse("app.started" in phone.eventFile()!!.readText())
        phone.start(account = "other").sendReports()
        assertEquals(emptyList<String>(), types())
        val second = phone.start()
        second.observe(ClientEvent.raspChecked())
        second.signOut(erase = true)
        second.observe(ClientEvent.raspChecked())
        phone.start().sendReports()
        assertEquals(emptyList<String>(), types())
        val third = phone.start()
        third.observe(ClientEvent.raspChecked())
        third.retireDevice()
        assertNull(phone.eventFile())
    }

    @Test
    fun `R27 what the service refuses as invalid holds up no other`() = runBlocking {
        val seal = phone.start()
        repeat(5) { seal.observe(ClientEvent.appStarted()) }
        // As a service would that is older than the app: all five together, and then one of them.
        val invalid = """{"call":"report","kind":"status","status":422,"code":"request_invalid"}"""
        LocalStack.faults(invalid, invalid, invalid)
        seal.sendReports()
        assertEquals(5, ids().size)
        LocalStack.resetNetwork()
        seal.observe(ClientEvent.raspChecked())
        seal.sendReports()
        assertEquals(listOf("rasp.checked"), types())
        assertCalls("report" to 1)
    }
}
