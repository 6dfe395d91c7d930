package io.modelseal.testing

import io.modelseal.AttestedKey
import io.modelseal.DevicePlatform
import io.modelseal.KeyLostException
import java.io.IOException
import java.util.Base64
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put
import okhttp3.MediaType.Companion.toMediaType
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.RequestBody.Companion.toRequestBody

/**
 * A phone in software, of a stack that `npm start` has begun: it attests and signs over the stack's
 * development server. No other service believes it.
 */
public class DevelopmentPhone(
    private val developmentUrl: String,
    /** One of the stack's apps. */
    override val appId: String,
    /** `android` for a virtual Pixel, `ios` for a virtual iPhone. */
    override val platform: String = "android",
    /** Dotted numbers. */
    override val appVersion: String = "1.0.0",
) : DevicePlatform {
    private val http = OkHttpClient()

    override suspend fun createAttestedKey(clientDataHash: ByteArray): AttestedKey {
        val answer = post("/attestations") {
            put("platform", platform)
            put("clientDataHash", encode(clientDataHash))
        }
        return AttestedKey(answer.getValue("keyHandle").jsonPrimitive.content, answer.getValue("attestation").jsonObject)
    }

    override suspend fun prove(keyHandle: String, clientDataHash: ByteArray): JsonObject = post("/proofs") {
        put("keyHandle", keyHandle)
        put("clientDataHash", encode(clientDataHash))
    }.getValue("proof").jsonObject

    private suspend fun post(path: String, members: kotlinx.serialization.json.JsonObjectBuilder.() -> Unit): JsonObject {
        val body = buildJsonObject(members).toString().toRequestBody("application/json".toMediaType())
        val request = Request.Builder().url(developmentUrl + path).post(body).build()
        return withContext(Dispatchers.IO) {
            http.newCall(request).execute().use {
                val text = it.body.string()
                if (it.code == 404 && "key_lost" in text) throw KeyLostException()
                if (!it.isSuccessful) throw IOException("$path: ${it.code} $text")
                Json.parseToJsonElement(text).jsonObject
            }
        }
    }

    private fun encode(bytes: ByteArray): String = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes)
}
