package io.modelseal.protocol

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
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory
import org.junit.jupiter.api.io.TempDir

/** test/vectors/refusals.json: what a client refuses, and with which code. refusals.test.ts has the same in TypeScript. */
class RefusalVectorsTest {
    private val sound = vectorFile("sealing.json")
    private val refusals = vectorFile("refusals.json")
    private val claims = sound.inner("claims")
    private val nowMs = sound.whole("now") * 1000
    private val pinned = pinnedKeysOf(sound)
    private val grant = sound.list("grants").map { it as JsonObject }.single { it.text("suite") == P256_SUITE }

    @TempDir
    lateinit var folder: File

    @Test
    fun `what is changed is sound`() = runBlocking { install(grant.hex("container")) }

    @TestFactory
    fun accepted() = refusals.list("accepted").map { it as JsonObject }.map { row ->
        dynamicTest("and taken is a manifest with ${row.text("name")}") {
            assertEquals("example", verifyManifest(row.text("token")!!, pinned).model)
        }
    }

    @TestFactory
    fun manifests() = rows("manifests") { verifyManifest(it.text("token")!!, pinned) }

    @TestFactory
    fun licences() = rows("licences") { verifyLicence(it.text("token")!!, pinned) }

    @TestFactory
    fun headers() = rows("headers") { ContainerHeader.decode(it.hex("header")) }

    @TestFactory
    fun deliveries() = rows("deliveries") { install(it.hex("container")) }

    @TestFactory
    fun grants() = rows("grants") { accept(it.inner("change")) }

    private fun rows(name: String, work: suspend (JsonObject) -> Any): List<DynamicTest> =
        refusals.list(name).map { it as JsonObject }.map { row ->
            dynamicTest("${row.text("name")} is ${row.text("code")}") {
                val refusal = runCatching { runBlocking { work(row) } }.exceptionOrNull()
                assertEquals(row.text("code"), (refusal as? SealException)?.code ?: refusal.toString())
            }
        }

    private suspend fun accept(change: JsonObject = JsonObject(emptyMap()), sizeBytes: Int = 0): AcceptedGrant {
        val answer = GrantAnswer(
            grantId = change.text("grantId") ?: claims.text("grantId")!!,
            url = "https://storage.invalid/",
            sizeBytes = sizeBytes.toLong(),
            suite = change.text("suite") ?: P256_SUITE,
            enc = change.text("enc") ?: grant.hex("enc").toBase64url(),
            ct = change.text("ct") ?: grant.hex("ct").toBase64url(),
            manifest = sound.text("manifest")!!,
            licence = change.text("licence") ?: sound.text("licence")!!,
            release = "",
        )
        val spec = ECPrivateKeySpec(BigInteger(1, grant.hex("recipientPrivateKey")), P256.parameters)
        val privateKey = KeyFactory.getInstance("EC").generatePrivate(spec)
        return acceptGrant(
            answer,
            p256RecipientKey(P256.publicKey(grant.hex("recipientPublicKey"))!!, privateKey),
            deviceId = change.text("expectedDeviceId") ?: claims.text("deviceId")!!,
            model = change.text("expectedModel") ?: claims.text("model")!!,
            version = change.text("expectedVersion") ?: claims.text("version")!!,
            keys = pinned,
            nowMs = change.wholeOrNull("now")?.times(1000) ?: nowMs,
        )
    }

    private suspend fun install(container: ByteArray) = VectorPhone(folder).install(accept(sizeBytes = container.size), container)
}
