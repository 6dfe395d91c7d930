package io.modelseal.testing

import io.modelseal.GetOptions
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The whole life of a copy against `npm start`. */
class EndToEndTest {
    @Test
    fun `enrol, grant, download with a resume, open, one layer, renew, report, revoke, erased`() = runBlocking {
        LocalStack.resetNetwork()
        val phone = Phone()
        val model = PublishedModel()
        val seal = phone.start()
        assertTrue(model.id in seal.models())
        LocalStack.faults("""{"call":"download","kind":"truncate","bytes":1300000}""")
        val done = mutableListOf<Long>()
        val open = seal.get(model.id, GetOptions(onProgress = { bytes, _ -> done += bytes }))
        assertEquals(model.bytes.size.toLong(), done.last())
        assertArrayEquals(model.bytes, bytesOf(open))
        val layer = open.manifest.layers.single()
        val weights = open.withLayer(layer.index) { buffer -> ByteArray(buffer.remaining()).also(buffer::get) }
        assertArrayEquals(model.bytes.copyOfRange(layer.offset.toInt(), (layer.offset + layer.length).toInt()), weights)

        val firstEnd = open.licence.expiresAt
        open.close()
        Thread.sleep(1100)
        phone.nowMs = { System.currentTimeMillis() + (firstEnd * 1000 - System.currentTimeMillis()) * 85 / 100 }
        seal.refresh()
        phone.nowMs = System::currentTimeMillis
        seal.get(model.id).use { assertTrue(it.licence.expiresAt > firstEnd) }

        seal.sendReports()
        LocalStack.revoke(model.id)
        seal.sendReports()
        assertEquals(emptyList<String>(), phone.files().filter { it.endsWith(".record") || it.endsWith(".model") })
        assertEquals("model_unknown", codeOf { seal.get(model.id) })
        assertCalls("enrol" to 1, "renew" to 1)
    }
}
