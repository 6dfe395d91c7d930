package io.modelseal.testing

import io.modelseal.GetOptions
import io.modelseal.ModelSeal
import io.modelseal.UpdatePolicy
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test

/** docs/mobile/sdk-behaviour.md: R7 to R10. */
class VersionsTest {
    private val phone = Phone()
    private val model = PublishedModel()

    @BeforeEach
    fun reset() = LocalStack.resetNetwork()

    private fun ModelSeal.versionNow(): String = runBlocking { get(model.id).use { it.manifest.version } }

    @Test
    fun `R7 the newest is what was published last, whatever was granted last`() = runBlocking {
        val newest = model.update("2.0.0")
        val seal = phone.start()
        assertEquals("2.0.0", seal.versionNow())
        seal.get(model.id, GetOptions(version = "1.0.0")).close()
        assertArrayEquals(newest, bytesOf(phone.start().get(model.id)))
        assertCalls("grant" to 2)
    }

    @Test
    fun `R8 now asks first, and goes on with what is there where nobody answers`() = runBlocking {
        assertEquals("1.0.0", phone.start().versionNow())
        model.update("2.0.0")
        val seal = phone.start(updates = UpdatePolicy.NOW)
        LocalStack.faults("""{"call":"models","kind":"portal"}""")
        assertEquals("1.0.0", seal.versionNow())
        assertEquals("2.0.0", seal.versionNow())
    }

    @Test
    fun `R8 and R9 next launch - refresh fetches, this launch goes on, the old copy goes later`() = runBlocking {
        val first = phone.start()
        assertEquals("1.0.0", first.versionNow())
        model.update("2.0.0")
        first.refresh()
        first.cleanUp()
        assertEquals("1.0.0", first.versionNow())
        val second = phone.start()
        assertEquals("2.0.0", second.versionNow())
        second.cleanUp()
        assertEquals(1, phone.files().count { it.endsWith(".record") })
        assertCalls("grant" to 2)
    }

    @Test
    fun `R8 wifi - nothing is fetched on a metered network`() = runBlocking {
        phone.start().versionNow()
        model.update("2.0.0")
        phone.start(updates = UpdatePolicy.WIFI, isUnmetered = { false }).refresh()
        assertCalls("grant" to 1)
        phone.start(updates = UpdatePolicy.WIFI).refresh()
        assertCalls("grant" to 2)
    }

    @Test
    fun `R8 wifi, where the network becomes a metered one, the next model waits`() = runBlocking {
        val second = PublishedModel()
        for (each in listOf(model, second)) phone.start().get(each.id).close()
        for (each in listOf(model, second)) each.update("2.0.0")
        phone.start(updates = UpdatePolicy.WIFI, isUnmetered = { LocalStack.calls("grant") < 3 }).refresh()
        assertCalls("grant" to 3)
    }

    @Test
    fun `R10 back by the publisher's word alone - a version that he revoked gives way to the one before`() = runBlocking {
        model.update("2.0.0")
        assertEquals("2.0.0", phone.start().versionNow())
        LocalStack.revoke(model.id, "2.0.0")
        assertEquals("1.0.0", phone.start(updates = UpdatePolicy.NOW).versionNow())
    }

    @Test
    fun `R10 never back where somebody plays an older release record, also after a restart`() = runBlocking {
        model.update("2.0.0")
        assertEquals("2.0.0", phone.start().versionNow())
        LocalStack.rollBack(model.id, "1.0.0")
        assertEquals("release-rolled-back", codeOf { phone.start(updates = UpdatePolicy.NOW).get(model.id) })
        assertEquals("2.0.0", phone.start().versionNow())
    }
}
