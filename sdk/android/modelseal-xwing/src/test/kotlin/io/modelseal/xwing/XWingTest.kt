package io.modelseal.xwing

import io.modelseal.ModelSeal
import io.modelseal.ModelSealConfig
import io.modelseal.RecipientKey
import io.modelseal.RecipientKeys
import io.modelseal.SealException
import io.modelseal.store.FileStorage
import io.modelseal.testing.DevelopmentPhone
import io.modelseal.testing.LocalStack
import io.modelseal.testing.SoftwareKey
import java.io.File
import kotlin.random.Random
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

private const val SUITE = "XWING-HKDF-SHA256-AES256GCM"

/** X-Wing as its draft has it, as the TypeScript service speaks it, and against the running stack. */
class XWingTest {
    private val grant = vectors("sealing.json").getValue("grants").jsonArray.map { it.jsonObject }
        .single { it.getValue("suite").jsonPrimitive.content == SUITE }

    @TempDir
    lateinit var folder: File

    @Test
    fun `the vector of the draft`() {
        val draft = vectors("sealing-xwing.json")
        assertArrayEquals(draft.hex("ss"), XWing.decapsulate(draft.hex("sk"), draft.hex("ct")))
    }

    @Test
    fun `the content key of the vectors`() = runBlocking {
        val key = key()
        assertEquals(SUITE, key.suite)
        assertArrayEquals(grant.hex("recipientPublicKey"), key.publicKey)
        assertArrayEquals(grant.hex("contentKey"), key.open("enc", "ct"))
    }

    @Test
    fun `nothing opens that was changed, cut, or sealed for another key or purpose`() = runBlocking {
        val changes = listOf(0, 500, 1087, 1088, 1119).map { at -> grant.hex("enc").also { it[at] = (it[at].toInt() xor 1).toByte() } }
        val cut = listOf(0, 32, 65, 1119, 1121).map { grant.hex("enc").copyOf(it) }
        // A public key of X25519 of order one: BouncyCastle throws.
        val lowOrder = grant.hex("enc").also { it.fill(0, 1088) }
        for (enc in changes + cut + listOf(lowOrder)) {
            assertEquals("key-refused", refused { key().open(enc, grant.hex("ct"), grant.hex("info"), grant.hex("aad")) })
        }
        assertEquals("key-refused", refused { key().open("enc", "aad") })
        assertEquals("key-refused", refused { XWing.recipientKey().open("enc", "ct") })
        assertEquals("key-refused", refused { key().open(grant.hex("enc"), grant.hex("ct"), ByteArray(0), grant.hex("aad")) })
    }

    @Test
    fun `a destroyed key opens nothing`() = runBlocking {
        val key = key().also { it.destroy() }
        assertEquals("key-refused", refused { key.open("enc", "ct") })
    }

    @Test
    fun `keys differ, and what is no public key is the app's mistake`() {
        assertEquals(1216, XWing.recipientKey().publicKey.size)
        assertEquals(false, XWing.recipientKey().publicKey.contentEquals(XWing.recipientKey().publicKey))
        assertThrows(IllegalArgumentException::class.java) { RecipientKeys.xwing(ByteArray(65)) { it } }
    }

    @Test
    fun `a grant of the running service opens`() = runBlocking {
        val bytes = Random.nextBytes(100_000)
        LocalStack.publish("quantum", "1.0.0", bytes)
        val made = mutableListOf<RecipientKey>()
        val config = ModelSealConfig(
            baseUrl = LocalStack.networkUrl,
            account = "ann",
            userToken = { LocalStack.token("xwing-ann") },
            platform = DevelopmentPhone(LocalStack.developmentUrl, LocalStack.androidApp),
            hardwareKey = SoftwareKey(ByteArray(32) { 7 }),
            storage = FileStorage(folder),
            pinnedKeys = LocalStack.pinnedKeys,
            createRecipientKey = { XWing.recipientKey().also { made += it } },
        )
        ModelSeal(config).use { seal ->
            val opened = seal.get("quantum").use { it.withModel { buffer -> ByteArray(buffer.remaining()).also(buffer::get) } }
            assertArrayEquals(bytes, opened)
        }
        assertEquals(listOf(SUITE), made.map { it.suite })
    }

    private fun key() = XWing.recipientKey(grant.hex("recipientPrivateKey"))

    private suspend fun RecipientKey.open(enc: String, ct: String) =
        open(grant.hex(enc), grant.hex(ct), grant.hex("info"), grant.hex("aad"))

    private suspend fun refused(work: suspend () -> Any?): String? =
        (runCatching { work() }.exceptionOrNull() as? SealException)?.code

    private fun vectors(name: String) = Json.parseToJsonElement(File("../../../test/vectors/$name").readText()).jsonObject

    private fun JsonObject.hex(name: String): ByteArray {
        val value = getValue(name)
        val text = runCatching { value.jsonArray.joinToString("") { it.jsonPrimitive.content } }
            .getOrElse { value.jsonPrimitive.content }
        return text.chunked(2).map { it.toInt(16).toByte() }.toByteArray()
    }
}
