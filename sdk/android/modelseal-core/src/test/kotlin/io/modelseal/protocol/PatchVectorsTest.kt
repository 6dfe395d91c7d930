package io.modelseal.protocol

import io.modelseal.OpenModel
import io.modelseal.SealException
import io.modelseal.api.GrantAnswer
import io.modelseal.store.AcceptedGrant
import io.modelseal.store.acceptGrant
import java.io.File
import java.math.BigInteger
import java.security.KeyFactory
import java.security.spec.ECPrivateKeySpec
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonObject
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory
import org.junit.jupiter.api.io.TempDir

/** R31: patches, by test/vectors/patches.json; patches.test.ts has the same in TypeScript. */
class PatchVectorsTest {
    private val sealing = vectorFile("sealing.json")
    private val patches = vectorFile("patches.json")
    private val base = patches.inner("base").text("grantId")!!
    private val nowMs = sealing.whole("now") * 1000

    @TempDir
    lateinit var folder: File

    /** A phone that holds the copy of sealing.json. */
    private suspend fun phone(name: String) = VectorPhone(File(folder, name)).also {
        val grant = sealing.list("grants").map { it as JsonObject }.single { it.text("suite") == P256_SUITE }
        it.install(accept(JsonObject(sealing + grant), "1.2.0", base, null), grant.hex("container"))
    }

    private suspend fun accept(granted: JsonObject, version: String, grantId: String, base: String?): AcceptedGrant {
        val answer = GrantAnswer(
            grantId, "https://storage.invalid/", sizeBytes(granted, base), P256_SUITE,
            granted.hex("enc").toBase64url(), granted.hex("ct").toBase64url(),
            granted.text("manifest")!!, granted.text("licence")!!, release = "", base,
        )
        val spec = ECPrivateKeySpec(BigInteger(1, granted.hex("recipientPrivateKey")), P256.parameters)
        val privateKey = KeyFactory.getInstance("EC").generatePrivate(spec)
        val recipientKey = p256RecipientKey(P256.publicKey(granted.hex("recipientPublicKey"))!!, privateKey)
        val device = sealing.inner("claims").text("deviceId")!!
        return acceptGrant(answer, recipientKey, device, "example", version, pinnedKeysOf(sealing), nowMs)
    }

    private fun sizeBytes(granted: JsonObject, base: String?) =
        (granted.text(if (base == null) "container" else "patch")!!.length / 2).toLong()

    private suspend fun VectorPhone.patch(bytes: JsonObject) =
        install(accept(JsonObject(patches + bytes), "1.3.0", patches.text("grantId")!!, base), bytes.hex("patch"))

    private suspend fun VectorPhone.bytesOf(grantId: String): ByteArray = store.open(grantId, nowMs) {}.use { model: OpenModel ->
        model.withModel { buffer -> ByteArray(buffer.remaining()).also(buffer::get) }
    }

    @Test
    fun `R31 the patch makes the next version from the copy, which stays`() = runBlocking {
        val phone = phone("phone")
        phone.patch(patches)
        assertArrayEquals(patches.hex("model"), phone.bytesOf(patches.text("grantId")!!))
        assertArrayEquals(sealing.hex("model"), phone.bytesOf(base))
    }

    @TestFactory
    fun refused(): List<DynamicTest> = rows("refused") { row ->
        val phone = phone(row.text("name")!!)
        val code = codeOf { phone.patch(row) }
        assertEquals(listOf(base), phone.store.files.grants("record"))
        assertEquals(emptyList<String>(), phone.store.files.grants("pending"))
        code
    }

    @TestFactory
    fun `a recipe that`(): List<DynamicTest> = patches.list("recipes").map { it as JsonObject }.map { row ->
        dynamicTest("R31 a recipe that ${row.text("name")}") {
            val chunk = ByteArray(row.whole("chunkBytes").toInt())
            val recipe = Patch.readRecipe(row.hex("recipe"), chunk, row.whole("position"), row.whole("baseBytes"))
            val copies = row.list("copies").map { it as JsonObject }
                .map { Copy(it.whole("at").toInt(), it.whole("from"), it.whole("length").toInt()) }
            assertEquals(copies to row.whole("end"), recipe.copies to recipe.position)
            assertArrayEquals(row.hex("inserted"), chunk)
        }
    }

    @TestFactory
    fun refusedRecipes(): List<DynamicTest> = rows("refusedRecipes") { row ->
        val chunk = ByteArray(row.whole("chunkBytes").toInt())
        codeOf { Patch.readRecipe(row.hex("recipe"), chunk, row.whole("position"), row.whole("baseBytes")) }
    }

    private fun rows(name: String, work: suspend (JsonObject) -> String): List<DynamicTest> =
        patches.list(name).map { it as JsonObject }.map { row ->
            dynamicTest("R31 ${row.text("name")} is ${row.text("code")}") {
                runBlocking { assertEquals(row.text("code"), work(row)) }
            }
        }

    private suspend fun codeOf(work: suspend () -> Any): String = try {
        "done: ${work()}"
    } catch (refusal: SealException) {
        refusal.code
    }
}
