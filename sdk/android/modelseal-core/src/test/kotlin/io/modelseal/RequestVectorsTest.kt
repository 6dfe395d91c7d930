package io.modelseal

import io.modelseal.api.ApiClient
import io.modelseal.api.RetryPolicy
import io.modelseal.protocol.P256
import io.modelseal.protocol.fromBase64url
import io.modelseal.protocol.hex
import io.modelseal.protocol.inner
import io.modelseal.protocol.list
import io.modelseal.protocol.parseJson
import io.modelseal.protocol.sha256
import io.modelseal.protocol.text
import io.modelseal.protocol.wholeOrNull
import io.modelseal.protocol.toBase64url
import io.modelseal.protocol.vectorFile
import io.modelseal.protocol.whole
import io.modelseal.store.CopyFiles
import io.modelseal.store.FileStorage
import java.io.File
import java.nio.ByteBuffer
import java.security.Signature
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import okhttp3.MediaType.Companion.toMediaType
import okhttp3.OkHttpClient
import okhttp3.Protocol
import okhttp3.Response
import okhttp3.ResponseBody.Companion.toResponseBody
import okio.Buffer
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory
import org.junit.jupiter.api.io.TempDir

/** test/vectors/requests.json: what a client sends. requests.test.ts has the same in TypeScript, and what the service takes. */
class RequestVectorsTest {
    private val requests = vectorFile("requests.json")
    private val events = requests.inner("events")

    @TempDir
    lateinit var folder: File

    @TestFactory
    fun `client data`(): List<DynamicTest> = requests.list("clientData").map { it as JsonObject }.mapIndexed { n, row ->
        val members = row.inner("members")
        dynamicTest("asks for ${members.text("type")} so") {
            assertArrayEquals(row.hex("clientDataHash"), sha256(fromBase64url(row.text("clientData")!!)!!))
            assertEquals(row.text("clientDataHashText"), row.hex("clientDataHash").toBase64url())
            val sent = runBlocking { Recorder(members, File(folder, "$n")).sent() }
            val clientData = fromBase64url(sent.body.text("clientData")!!)!!
            val said = parseJson(clientData) as JsonObject
            // Random, and so in no vector.
            assertEquals(members.text("type") == "licence.renew", "nonce" in said)
            assertEquals(members, JsonObject(said - "nonce"))
            // Whoever proves nothing was asked for no proof.
            val isProven = "deviceId" in members || members.text("type") == "device.enroll"
            assertEquals(sha256(clientData).toBase64url().takeIf { isProven }, sent.hash?.toBase64url())
        }
    }

    @Test
    fun `proofs of Android are the attested key's`() {
        val proofs = requests.inner("proofs")
        val jwk = proofs.inner("publicKey")
        val key = P256.publicKey(fromBase64url(jwk.text("x")!!)!!, fromBase64url(jwk.text("y")!!)!!)!!
        val hash = proofs.hex("clientDataHash")
        fun isSigned(proof: JsonObject, message: ByteArray) = Signature.getInstance("SHA256withECDSA").run {
            initVerify(key)
            update(message)
            runCatching { verify(fromBase64url(proof.text("signature")!!)!!) }.getOrDefault(false)
        }
        val (overHash, overText) = proofs.list("android").map { (it as JsonObject).inner("proof") }
        assertTrue(isSigned(overHash, hash))
        assertTrue(isSigned(overText, hash.toBase64url().toByteArray()))
        val refused = proofs.list("refused").map { (it as JsonObject).inner("proof") }.filter { it.text("format") == "android-key" }
        assertEquals(listOf(false, false, false), refused.map { isSigned(it, hash) })
    }

    @TestFactory
    fun `event ids`(): List<DynamicTest> = events.list("ids").map { it as JsonObject }.map { row ->
        dynamicTest(row.text("eventId")) {
            val random = ByteBuffer.allocate(10).putShort(row.text("randA")!!.toShort(16)).putLong(row.text("randB")!!.toLong(16))
            assertEquals(row.text("eventId"), uuidV7(row.whole("unixMs"), random).toString())
        }
    }

    @TestFactory
    fun `event times`(): List<DynamicTest> = events.list("times").map { it as JsonObject }.map { row ->
        dynamicTest(row.text("occurredAt")) { assertEquals(row.text("occurredAt"), timeText(row.whole("unixMs"))) }
    }

    @Test
    fun `signals have the names that the service takes`() {
        val taken = events.list("accepted").map { it as JsonObject }.filter { it.text("type") == "rasp.signal" }.map { it.text("cause") }
        assertEquals(taken, RaspSignal.entries.map { ClientEvent.raspSignal(it).complete(0).text("cause") })
    }

    private class Sent(val body: JsonObject, val hash: ByteArray?)

    /** A client that is to ask for what the members say, on a network that answers everything. */
    private class Recorder(private val members: JsonObject, folder: File) {
        private val files = CopyFiles(FileStorage(folder), "user")
        private var body = JsonObject(emptyMap())
        private var hash: ByteArray? = null
        private val type = text("type")
        private val isEnrolment = type == "device.enroll"
        private val deviceId = members.text("deviceId") ?: members.text("replaces")

        private val http = OkHttpClient.Builder().addInterceptor { chain ->
            val path = chain.request().url.encodedPath
            val isAsked = path != "/v1/challenges" && (!isEnrolment || path == "/v1/devices")
            if (isAsked) body = parseJson(Buffer().also { chain.request().body!!.writeTo(it) }.readByteArray()) as JsonObject
            val answer = if (path == "/v1/challenges") """{"challenge":"${text("challenge")}"}""" else ANSWER
            Response.Builder().request(chain.request()).protocol(Protocol.HTTP_1_1).code(200).message("")
                .body(answer.toResponseBody("application/json".toMediaType())).build()
        }.build()

        private val platform = object : DevicePlatform {
            override val platform = members.text("platform") ?: "android"
            override val appId = members.text("appId").orEmpty()
            override val appVersion = members.text("appVersion").orEmpty()
            override val traits = (members["traits"] as? JsonObject).let {
                DeviceTraits(it?.text("osVersion"), it?.wholeOrNull("ramGb")?.toInt(), it?.text("chip"))
            }

            override suspend fun createAttestedKey(clientDataHash: ByteArray): AttestedKey {
                hash = clientDataHash
                return AttestedKey("key", JsonObject(emptyMap()))
            }

            override suspend fun prove(keyHandle: String, clientDataHash: ByteArray): JsonObject {
                // What is enrolled is lost: it is replaced.
                if (isEnrolment) throw KeyLostException()
                hash = clientDataHash
                return JsonObject(emptyMap())
            }
        }

        private val recipientKey = object : RecipientKey {
            override val suite = members.text("suite").orEmpty()
            override val publicKey = fromBase64url(members.text("recipientKey").orEmpty())!!

            override suspend fun open(enc: ByteArray, ct: ByteArray, info: ByteArray, aad: ByteArray) = ByteArray(0)
        }

        private val client = DeviceClient(
            ApiClient("https://service.invalid/", UserToken { "token" }, http, System::currentTimeMillis),
            platform, files, RetryPolicy(retries = 0), { recipientKey }, System::currentTimeMillis,
        )

        suspend fun sent(): Sent {
            deviceId?.let { files.storage.replace(files.enrolment, """{"deviceId":"$it","keyHandle":"key"}""".toByteArray()) }
            when (type) {
                "device.enroll" -> runCatching { client.report(emptyList(), emptyList()) }
                "model.grant" -> client.grant(text("modelId"), members.text("version").takeIf { it != "latest" })
                "licence.renew" -> client.renew(text("grantId"), text("digest"))
                "events" -> client.report(members.list("events").map { it as JsonObject }, members.list("held").map { (it as JsonPrimitive).content })
                "device.retire" -> if (members.text("target") == deviceId) client.retire() else client.retireOther(text("target"))
                "device.approve" -> client.approve(text("target"))
                "user.erase" -> client.eraseMe()
                else -> error("another type: $type")
            }
            return Sent(body, hash)
        }

        private fun text(name: String) = members.text(name)!!
    }

    private companion object {
        const val ANSWER = """{"deviceId":"d","grantId":"g","url":"https://storage.invalid/","sizeBytes":1,"erase":[],
            "sealedKey":{"suite":"s","enc":"e","ct":"c"},"manifest":"m","licence":"l","release":"r"}"""
    }
}
