package io.modelseal.testing

import io.modelseal.VerificationKey
import java.io.File
import java.nio.file.Files
import java.util.concurrent.TimeUnit
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.RequestBody.Companion.toRequestBody

/** `npm start -- --in-memory --faults`, begun by the first test and ended with this process. */
object LocalStack {
    private val http = OkHttpClient.Builder().readTimeout(60, TimeUnit.SECONDS).build()

    /** What the stack says of itself. */
    lateinit var settingsFile: File
        private set
    private val settings: JsonObject = start()

    /** The service behind the network with faults. */
    val networkUrl = text("networkUrl")
    val developmentUrl = text("developmentUrl")
    val androidApp = settings.getValue("apps").jsonObject.getValue("android").jsonObject.getValue("appId").jsonPrimitive.content
    val tokenUrl = text("tokenUrl")

    /** Of each key its kid and coordinates. */
    val pinnedJwks: List<String> = keys().flatMap { jwk -> listOf("kid", "x", "y").map { jwk.string(it) } }
    val pinnedKeys: List<VerificationKey> = pinnedJwks.chunked(3).map { (kid, x, y) -> VerificationKey(kid, x, y) }

    fun publish(model: String, version: String, bytes: ByteArray, format: String = "opaque") {
        post("$developmentUrl/models?model=$model&version=$version&format=$format", bytes)
    }

    fun revoke(model: String, version: String? = null) {
        post("$developmentUrl/revocations?model=$model" + if (version == null) "" else "&version=$version", ByteArray(0))
    }

    /** Whoever can write the database puts back the release record of this version. */
    fun rollBack(model: String, version: String) {
        post("$developmentUrl/rollbacks?model=$model&version=$version", ByteArray(0))
    }

    fun token(subject: String): String {
        val answer = Json.parseToJsonElement(post(tokenUrl, "subject=$subject".toByteArray()))
        return answer.jsonObject.string("id_token")
    }

    /** The next requests meet these, in this order: members of `Fault` in test/stack/faulty-network.ts. */
    fun faults(vararg faults: String) {
        post("$developmentUrl/network/faults", faults.joinToString(",", "[", "]").toByteArray())
    }

    fun resetNetwork() {
        http.newCall(Request.Builder().url("$developmentUrl/network/faults").delete().build()).execute().close()
    }

    /** No more faults; the counts go on. */
    fun endFaults() {
        post("$developmentUrl/network/faults/end", ByteArray(0))
    }

    /** How many requests of this name there were since the network was reset. */
    fun calls(name: String): Int =
        (get("$developmentUrl/network/calls") as JsonObject)[name]?.jsonPrimitive?.content?.toInt() ?: 0

    /** Every event that a phone has sent since the network was reset, as it sent it and as often. */
    fun reported(): List<JsonObject> = (get("$developmentUrl/network/events") as JsonArray).map { it.jsonObject }

    /** A busy machine's stack may be overloaded at first, as any service. */
    private fun keys(): List<JsonObject> {
        repeat(30) {
            val answer = get("${text("baseUrl")}/v1/keys") as JsonObject
            answer["keys"]?.let { keys -> return keys.jsonArray.map { it.jsonObject } }
            Thread.sleep(1000)
        }
        error("no keys")
    }

    private fun text(name: String) = settings.string(name)

    private fun JsonObject.string(name: String) = getValue(name).jsonPrimitive.content

    private fun get(url: String) = http.newCall(Request.Builder().url(url).build()).execute().use {
        Json.parseToJsonElement(it.body.string())
    }

    private fun post(url: String, body: ByteArray): String =
        http.newCall(Request.Builder().url(url).post(body.toRequestBody()).build()).execute().use {
            val text = it.body.string()
            check(it.isSuccessful) { "$url: ${it.code} $text" }
            text
        }

    private fun start(): JsonObject {
        val root = File("../../..").canonicalFile
        val folder = Files.createTempDirectory("modelseal-kotlin").toFile()
        val file = File(folder, "stack.json").also { settingsFile = it }
        val process = ProcessBuilder(
            File(root, "node_modules/.bin/node").path, "--disable-warning=ExperimentalWarning",
            File(root, "scripts/start.ts").path, "--in-memory", "--faults", "--json", file.path,
        ).directory(folder).redirectErrorStream(true).redirectOutput(File(folder, "start.log")).start()
        Runtime.getRuntime().addShutdownHook(
            Thread {
                process.destroy()
                process.waitFor(20, TimeUnit.SECONDS)
                folder.deleteRecursively()
            },
        )
        for (wait in 0 until 1200) {
            if (file.exists() && file.readText().endsWith("\n")) return Json.parseToJsonElement(file.readText()).jsonObject
            check(process.isAlive) { File(folder, "start.log").readText() }
            Thread.sleep(100)
        }
        error("the stack did not start: ${File(folder, "start.log").readText()}")
    }
}
