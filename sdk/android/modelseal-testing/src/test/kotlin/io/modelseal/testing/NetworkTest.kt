package io.modelseal.testing

import io.modelseal.ApiException
import io.modelseal.UserToken
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlin.math.abs
import kotlinx.coroutines.runBlocking
import okhttp3.OkHttpClient
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

/** docs/mobile/sdk-behaviour.md: R16 to R27, R45 and R46. */
class NetworkTest {
    private val phone = Phone()
    private val model = PublishedModel()

    @BeforeEach
    fun reset() = LocalStack.resetNetwork()

    @ParameterizedTest
    @ValueSource(longs = [-600_000, 7_200_000])
    fun `R16 a wrong clock is told with the service's time, and costs no grant`(offMs: Long) = runBlocking {
        phone.nowMs = { System.currentTimeMillis() + offMs }
        val seal = phone.start()
        repeat(2) {
            val error = assertThrows(ApiException::class.java) { runBlocking { seal.get(model.id) } }
            assertEquals("clock_wrong", error.code)
            assertTrue(abs(error.serverTimeMs!! - System.currentTimeMillis()) < 5_000)
        }
        assertCalls("grant" to 0)
        phone.nowMs = System::currentTimeMillis
        assertArrayEquals(model.bytes, bytesOf(seal.get(model.id)))
    }

    @Test
    fun `R17 a clock that was ahead is healed by a renewal, and costs no grant`() = runBlocking {
        phone.nowMs = { System.currentTimeMillis() + 1_800_000 }
        phone.start().get(model.id).close()
        phone.nowMs = System::currentTimeMillis
        // A licence of the same second is no newer, and brings no time.
        Thread.sleep(1100)
        val seal = phone.start()
        LocalStack.faults("""{"call":"challenge","kind":"reset","times":4}""")
        assertEquals("clock-rolled-back", codeOf { seal.get(model.id) })
        assertArrayEquals(model.bytes, bytesOf(seal.get(model.id)))
        assertCalls("grant" to 1, "renew" to 1)
    }

    @ParameterizedTest
    @ValueSource(strings = ["portal", "redirect", "login", "reset", "recompress"])
    fun `R18 nobody else's answer is believed, and it is asked again`(kind: String) = runBlocking {
        for (call in listOf("challenge", "enrol", "grant", "download")) {
            LocalStack.faults("""{"call":"$call","kind":"$kind"}""")
        }
        assertArrayEquals(model.bytes, bytesOf(phone.start().get(model.id)))
    }

    @Test
    fun `R18 where it goes on, the code says so`() = runBlocking {
        LocalStack.faults("""{"call":"challenge","kind":"portal","times":9}""")
        assertEquals("intercepted", codeOf { phone.start().get(model.id) })
        LocalStack.resetNetwork()
        LocalStack.faults("""{"call":"challenge","kind":"reset","times":9}""")
        assertEquals("unreachable", codeOf { phone.start().get(model.id) })
    }

    @Test
    fun `R19 a download goes on through cuts, dropped ranges and damage`() = runBlocking {
        LocalStack.faults(
            """{"call":"download","kind":"truncate","bytes":1200000}""",
            """{"call":"download","kind":"drop-range"}""",
            """{"call":"download","kind":"damage","bytes":1700000}""",
        )
        assertArrayEquals(model.bytes, bytesOf(phone.start().get(model.id)))
        assertCalls("grant" to 1)
    }

    @ParameterizedTest
    @ValueSource(strings = ["early-range", "range-as-whole"])
    fun `R45 which bytes came says the answer itself`(kind: String) = runBlocking {
        LocalStack.faults(
            """{"call":"download","kind":"truncate","bytes":1200000}""",
            """{"call":"download","kind":"$kind","times":9}""",
        )
        assertArrayEquals(model.bytes, bytesOf(phone.start().get(model.id)))
        assertCalls("grant" to 1, "download" to 2)
    }

    @Test
    fun `R46 a network that falls silent is asked again, and is unreachable where it stays so`() = runBlocking {
        phone.http = OkHttpClient.Builder().readTimeout(1, TimeUnit.SECONDS).build()
        LocalStack.faults(
            """{"call":"challenge","kind":"silent"}""",
            """{"call":"grant","kind":"silent"}""",
            """{"call":"download","kind":"silent"}""",
            """{"call":"download","kind":"silent","bytes":1200000}""",
        )
        assertArrayEquals(model.bytes, bytesOf(phone.start().get(model.id)))
        LocalStack.faults("""{"call":"challenge","kind":"silent","times":9}""")
        assertEquals("unreachable", codeOf { phone.start().get("another") })
    }

    @Test
    fun `R19 and R20 damage that stays is chunk-forged, and reported`() = runBlocking {
        LocalStack.faults("""{"call":"download","kind":"damage","bytes":200,"times":9}""")
        assertEquals("chunk-forged", codeOf { phone.start().get(model.id) })
        assertEquals(listOf<String>(), phone.files().filterNot { it.endsWith(".enrolment") })
    }

    @ParameterizedTest
    @ValueSource(strings = [""""status":403""", """"status":503,"times":4"""])
    fun `R21 where the download is refused for good, one new grant is asked for`(fault: String) = runBlocking {
        LocalStack.faults("""{"call":"download","kind":"status",$fault}""")
        assertArrayEquals(model.bytes, bytesOf(phone.start().get(model.id)))
        assertCalls("grant" to 2)
    }

    @Test
    fun `R21 and not more than one`() = runBlocking {
        LocalStack.faults("""{"call":"download","kind":"status","status":404,"times":9}""")
        assertEquals("url_ended", codeOf { phone.start().get(model.id) })
        assertCalls("grant" to 2)
    }

    @Test
    fun `R22 what passes is retried, and what does not is not`() = runBlocking {
        LocalStack.faults("""{"call":"grant","kind":"status","status":503,"code":"unavailable","times":2}""")
        assertArrayEquals(model.bytes, bytesOf(phone.start().get(model.id)))
        assertCalls("grant" to 3)
        assertEquals("model_unknown", codeOf { phone.start().get("no-such-model") })
        assertCalls("grant" to 4)
    }

    @Test
    fun `R23 a stale token is refreshed, once`() = runBlocking {
        val refreshed = AtomicInteger()
        phone.userToken = UserToken { force ->
            if (force) refreshed.incrementAndGet()
            if (refreshed.get() == 0) "stale" else LocalStack.token(phone.user)
        }
        assertArrayEquals(model.bytes, bytesOf(phone.start().get(model.id)))
        assertEquals(1, refreshed.get())
        phone.userToken = UserToken { force -> if (force) refreshed.incrementAndGet(); "stale" }
        assertEquals("token_invalid", codeOf { phone.start().models() })
        assertEquals(2, refreshed.get())
    }

    @Test
    fun `R24 a lost key is replaced by enrolling anew`() = runBlocking {
        val seal = phone.start()
        seal.get(model.id).close()
        phone.keysLost = true
        seal.sendReports()
        assertEquals(2, phone.enrolments.get())
    }

    @Test
    fun `R24 a revoked copy is erased`() = runBlocking {
        val seal = phone.start()
        seal.get(model.id).close()
        LocalStack.revoke(model.id)
        seal.sendReports()
        assertEquals(0, phone.files().count { it.endsWith(".record") || it.endsWith(".model") })
        assertEquals("model_unknown", codeOf { seal.get(model.id) })
    }

    @Test
    fun `R30 a further device waits for the word of one that counts`() = runBlocking {
        val seal = phone.start()
        seal.get(model.id).close()
        Phone(phone.user).start().sendReports()
        val waiting = seal.sendReports().single().deviceId
        seal.approveDevice(waiting)
        assertEquals(emptyList<Any>(), seal.sendReports())
        seal.retireOther(waiting)
        assertEquals("device_unknown", codeOf { seal.approveDevice(waiting) })
        // That the other is unknown says nothing of this one.
        assertEquals(1, phone.enrolments.get())
    }

    @Test
    fun `R25 a copy whose licence has ended is erased, and granted anew`() = runBlocking {
        phone.start().get(model.id).close()
        phone.nowMs = { System.currentTimeMillis() + 400L * 86_400_000 }
        phone.start().cleanUp()
        assertEquals(0, phone.files().count { it.endsWith(".record") || it.endsWith(".model") })
    }

    @Test
    fun `R26 what an app's own part throws is the cause of a typed error`() = runBlocking {
        phone.userToken = UserToken { throw IllegalStateException("signed out") }
        assertEquals("token_unavailable", codeOf { phone.start().get(model.id) })
    }
}
