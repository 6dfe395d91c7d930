package io.modelseal.testing

import io.modelseal.ClientEvent
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test

/** docs/mobile/sdk-behaviour.md: R20 and R27, by what the service was sent. */
class ReportsTest {
    private val phone = Phone()

    @BeforeEach
    fun reset() = LocalStack.resetNetwork()

    @Test
    fun `R20 what a network does is not reported, and what proves broken bytes is`() = runBlocking {
        val model = PublishedModel()
        val seal = phone.start()
        LocalStack.faults(
            """{"call":"download","kind":"truncate","bytes":1200000}""",
            """{"call":"download","kind":"login","times":4}""",
        )
        assertEquals("intercepted", codeOf { seal.get(model.id) })
        LocalStack.endFaults()
        seal.sendReports()
        assertEquals(emptyList<JsonObject>(), LocalStack.reported())
        LocalStack.faults("""{"call":"download","kind":"damage","bytes":200,"times":9}""")
        assertEquals("chunk-forged", codeOf { seal.get(model.id) })
        seal.sendReports()
        assertEquals(listOf("model.open_failed" to "chunk-forged"), LocalStack.reported().map { it.word("type") to it.word("cause") })
    }

    @Test
    fun `R27 events are kept until they were accepted, and repeated under their ids`() = runBlocking {
        val seal = phone.start()
        seal.observe(ClientEvent.appStarted())
        LocalStack.faults("""{"call":"report","kind":"answer-lost"}""", """{"call":"report","kind":"reset","times":3}""")
        assertEquals("unreachable", codeOf { seal.sendReports() })
        seal.observe(ClientEvent.raspChecked())
        seal.sendReports()
        seal.sendReports()
        val reported = LocalStack.reported()
        assertEquals(List(5) { "app.started" } + "rasp.checked", reported.map { it.word("type") })
        assertEquals(2, reported.map { it.word("eventId") }.toSet().size)
    }

    @Test
    fun `R27 of more than a thousand the newest are kept, and sent a hundred at a time`() = runBlocking {
        val seal = phone.start()
        repeat(50) { seal.observe(ClientEvent.appStarted()) }
        repeat(1000) { seal.observe(ClientEvent.raspChecked()) }
        seal.sendReports()
        assertEquals(List(1000) { "rasp.checked" }, LocalStack.reported().map { it.word("type") })
        assertCalls("report" to 10)
    }

    private fun JsonObject.word(name: String) = get(name)?.jsonPrimitive?.content
}
