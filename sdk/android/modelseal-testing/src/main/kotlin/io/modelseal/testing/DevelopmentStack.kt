package io.modelseal.testing

import io.modelseal.VerificationKey
import java.io.File
import java.io.IOException
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import okhttp3.FormBody
import okhttp3.OkHttpClient
import okhttp3.Request

/** What `npm start -- --json FILE` writes. A real app has its own: a URL, a sign-in, and keys pinned at build time. */
public class DevelopmentStack private constructor(private val settings: JsonObject) {
    private val http = OkHttpClient()

    /** Of the service. */
    public val baseUrl: String = settings.string("baseUrl")

    /** What [DevelopmentPhone] asks. */
    public val developmentUrl: String = settings.string("developmentUrl")

    /** Of the stack's app for Android. */
    public val appId: String = settings.getValue("apps").jsonObject.getValue("android").jsonObject.string("appId")

    /** A token for a user of any name. Throws IOException. */
    public fun userToken(user: String): String {
        val form = FormBody.Builder().add("subject", user).build()
        return json(Request.Builder().url(settings.string("tokenUrl")).post(form).build()).jsonObject.string("id_token")
    }

    /** The keys of this stack, which change when it is started again. Throws IOException. */
    public fun keys(): List<VerificationKey> =
        json(Request.Builder().url("$baseUrl/v1/keys").build()).jsonObject.getValue("keys").jsonArray.map {
            VerificationKey(it.jsonObject.string("kid"), it.jsonObject.string("x"), it.jsonObject.string("y"))
        }

    private fun json(request: Request): JsonElement = http.newCall(request).execute().use {
        val body = it.body.string()
        if (!it.isSuccessful) throw IOException("${request.url}: ${it.code} $body")
        Json.parseToJsonElement(body)
    }

    private fun JsonObject.string(name: String) = getValue(name).jsonPrimitive.content

    /** Reads it. */
    public companion object {
        /** Of the stack that has written this file. */
        public fun read(file: File): DevelopmentStack = DevelopmentStack(Json.parseToJsonElement(file.readText()).jsonObject)
    }
}
