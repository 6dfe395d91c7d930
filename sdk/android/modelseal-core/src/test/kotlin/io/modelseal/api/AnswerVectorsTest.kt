package io.modelseal.api

import io.modelseal.ApiException
import io.modelseal.UserToken
import io.modelseal.protocol.inner
import io.modelseal.protocol.list
import io.modelseal.protocol.text
import io.modelseal.protocol.vectorFile
import io.modelseal.protocol.whole
import io.modelseal.protocol.wholeOrNull
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long
import kotlinx.serialization.json.put
import okhttp3.MediaType.Companion.toMediaTypeOrNull
import okhttp3.OkHttpClient
import okhttp3.Protocol
import okhttp3.Response
import okhttp3.ResponseBody.Companion.toResponseBody
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.TestFactory

/** test/vectors/answers.json: what a client makes of answers. answers.test.ts has the same in TypeScript. */
class AnswerVectorsTest {
    private val answers = vectorFile("answers.json")
    private val calls = rows("calls")
    private val downloads = rows("downloads")

    @TestFactory
    fun `R18, R26 an answer to a call`(): List<DynamicTest> = calls.map { row ->
        dynamicTest(row.text("name")) {
            val api = apiOf(row, row.text("body")!!.toByteArray())
            val expected = row["error"] as? JsonObject
            if (expected == null) {
                assertEquals("c", runBlocking { api.challenge("model.grant") })
            } else {
                val error = assertThrows(ApiException::class.java) { runBlocking { api.challenge("model.grant") } }
                assertEquals(expected, error.told())
            }
        }
    }

    @TestFactory
    fun `R22 what is retried`(): List<DynamicTest> = calls.map { row ->
        val isRetried = row.getValue("isRetried").jsonPrimitive.boolean
        dynamicTest("${row.text("name")}: $isRetried") {
            val api = apiOf(row, row.text("body")!!.toByteArray())
            val pauses = mutableListOf<Long>()
            runBlocking { runCatching { withRetry(RetryPolicy(), pause = { pauses += it }) { api.challenge("model.grant") } } }
            assertEquals(if (isRetried) 3 else 0, pauses.size)
            val asked = (row["error"] as? JsonObject)?.wholeOrNull("retryAfterSeconds") ?: 0
            assertTrue(pauses.all { it >= asked * 1000 }, "$pauses")
        }
    }

    @TestFactory
    fun `R36 a challenge that comes with an answer`(): List<DynamicTest> = rows("nextChallenges").map { row ->
        dynamicTest(row.text("name")) {
            var nowMs = 1_000_000L
            val next = NextChallenge { nowMs }
            next.note(row.text("header"), "token")
            nowMs += row.getValue("afterMs").jsonPrimitive.long
            assertEquals(row.text("challenge"), next.take("token"))
            assertEquals(null, next.take("token"))
            next.note(row.text("header"), "another")
            assertEquals(null, next.take("token"))
        }
    }

    @TestFactory
    fun `R18, R21, R45 an answer to a download`(): List<DynamicTest> = downloads.map { row ->
        val start = row.whole("start")
        dynamicTest("${row.text("name")} from $start") {
            val container = ByteArray(row.whole("sizeBytes").toInt()) { "MDLSEAL\u001a"[it % 8].code.toByte() }
            val range = row.inner("headers").text("content-range") ?: "0"
            val from = range.removePrefix("bytes ").substringBefore('-').toInt()
            val api = apiOf(row, container.copyOfRange(from, container.size))
            val download = Download(api, "https://storage.invalid/", container.size.toLong(), RetryPolicy(retries = 0))
            val bytes = ByteArray(100)
            val outcome = runCatching { runBlocking { download.take(start, bytes.size, bytes) } }.exceptionOrNull()
            assertEquals(row.text("code"), (outcome as? ApiException)?.code ?: outcome?.toString())
            if (outcome == null) assertArrayEquals(container.copyOfRange(start.toInt(), start.toInt() + bytes.size), bytes)
        }
    }

    private fun rows(name: String) = answers.list(name).map { it as JsonObject }

    private fun apiOf(row: JsonObject, body: ByteArray): ApiClient {
        val http = OkHttpClient.Builder().addInterceptor { chain ->
            val status = row.whole("status").toInt()
            val answer = Response.Builder().request(chain.request()).protocol(Protocol.HTTP_1_1).code(status).message("")
            for ((name, value) in row.inner("headers")) answer.header(name, (value as JsonPrimitive).content)
            val type = row.inner("headers").text("content-type")?.let { it.toMediaTypeOrNull() }
            answer.body((if (status in EMPTY) ByteArray(0) else body).toResponseBody(type)).build()
        }.build()
        return ApiClient("https://service.invalid/", UserToken { "token" }, http, System::currentTimeMillis)
    }

    private fun ApiException.told(): JsonObject = buildJsonObject {
        put("code", code)
        put("status", status)
        requestId?.let { put("requestId", it) }
        advice?.let { put("advice", it.name.lowercase()) }
        retryAfterSeconds?.let { put("retryAfterSeconds", it) }
    }

    private companion object {
        val EMPTY = setOf(204, 304)
    }
}
