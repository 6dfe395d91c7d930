package io.modelseal.api

import io.modelseal.Advice
import io.modelseal.ApiException
import io.modelseal.ModelSealException
import io.modelseal.UserToken
import io.modelseal.WaitingDevice
import io.modelseal.protocol.inner
import io.modelseal.protocol.list
import io.modelseal.protocol.parseJson
import io.modelseal.protocol.text
import io.modelseal.protocol.toBase64url
import io.modelseal.protocol.wholeOrNull
import java.io.IOException
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import okhttp3.HttpUrl
import okhttp3.HttpUrl.Companion.toHttpUrl
import okhttp3.MediaType.Companion.toMediaType
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.RequestBody
import okhttp3.RequestBody.Companion.toRequestBody
import okhttp3.Response
import okio.BufferedSink

/** What goes with a request: the exact bytes that were proven, and the proof. */
internal class ProvenRequest(clientData: ByteArray, val proof: JsonObject?) {
    val body = buildJsonObject {
        put("clientData", clientData.toBase64url())
        if (proof != null) put("proof", proof)
    }
}

internal class GrantAnswer(
    val grantId: String,
    val url: String,
    val sizeBytes: Long,
    val suite: String,
    val enc: String,
    val ct: String,
    val manifest: String,
    val licence: String,
    /** The model's release record. */
    val release: String,
    /** Where the download is a patch: the copy that it starts from, as it was asked for. */
    val base: String? = null,
)

/** A longer life for a copy, and its model's release record. */
internal class RenewalAnswer(val licence: String, val release: String)

/** The grants whose copies must be erased, and the user's devices that wait for this one's word. */
internal class ReportAnswer(val erase: List<String>, val waiting: List<WaitingDevice>)

/** A version of a model that this user may ask for, and the model's release record; the versions are newest first. */
internal class ListedVersion(
    val model: String,
    val version: String,
    val sizeBytes: Long,
    val isLatest: Boolean,
    val release: String,
)

/** The HTTPS API as calls; docs/mobile/protocol.md says what each means. Each throws ApiException. */
internal class ApiClient(
    baseUrl: String,
    private val userToken: UserToken,
    client: OkHttpClient,
    private val nowMs: () -> Long,
) {
    private val base: HttpUrl = baseUrl.toHttpUrl()

    /** A redirect is somebody else's: the service answers where it is asked. */
    private val http = client.newBuilder().followRedirects(false).build()

    /** The service's clock minus this device's, in milliseconds, as of the last answer. */
    @Volatile
    var clockAheadMs: Long = 0
        private set

    private val next = NextChallenge(nowMs)

    /** One that came with an earlier answer to this user, else a new one. */
    suspend fun challenge(purpose: String): String {
        if (purpose == "model.grant") next.take(token(forceRefresh = false))?.let { return it }
        val body = buildJsonObject { put("purpose", purpose) }
        return call("POST", body, "v1", "challenges").required("challenge")
    }

    suspend fun enrol(clientData: ByteArray, attestation: JsonObject): String {
        val body = buildJsonObject {
            put("clientData", clientData.toBase64url())
            put("attestation", attestation)
        }
        return call("POST", body, "v1", "devices").required("deviceId")
    }

    suspend fun grant(modelId: String, request: ProvenRequest): GrantAnswer {
        val answer = call("POST", request.body, "v1", "models", modelId, "grants")
        val key = answer["sealedKey"] as? JsonObject ?: throw unusable()
        return GrantAnswer(
            grantId = answer.required("grantId"),
            url = answer.required("url"),
            sizeBytes = answer.wholeOrNull("sizeBytes") ?: throw unusable(),
            suite = key.required("suite"),
            enc = key.required("enc"),
            ct = key.required("ct"),
            manifest = answer.required("manifest"),
            licence = answer.required("licence"),
            release = answer.required("release"),
            base = answer.text("base"),
        )
    }

    suspend fun renew(grantId: String, request: ProvenRequest): RenewalAnswer {
        val answer = call("POST", request.body, "v1", "licences", grantId, "renewals")
        return RenewalAnswer(answer.required("licence"), answer.required("release"))
    }

    suspend fun report(request: ProvenRequest): ReportAnswer {
        val answer = call("POST", request.body, "v1", "events")
        val erase = answer["erase"] as? JsonArray ?: throw unusable()
        val waiting = (answer["provisional"] as? JsonArray).orEmpty().filterIsInstance<JsonObject>()
        return ReportAnswer(
            erase.mapNotNull { (it as? JsonPrimitive)?.content },
            waiting.map { WaitingDevice(it.required("deviceId"), it.required("approvedFrom")) },
        )
    }

    suspend fun approve(deviceId: String, request: ProvenRequest) {
        call("POST", request.body, "v1", "devices", deviceId, "approvals")
    }

    suspend fun retire(deviceId: String, request: ProvenRequest) {
        call("DELETE", request.body, "v1", "devices", deviceId)
    }

    suspend fun erase(request: ProvenRequest): JsonObject = call("DELETE", request.body, "v1", "me")

    suspend fun exportMe(): JsonObject = call("GET", null, "v1", "me")

    suspend fun models(): List<ListedVersion> {
        val models = call("GET", null, "v1", "models")["models"] as? JsonArray ?: throw unusable()
        return models.filterIsInstance<JsonObject>().flatMap { model ->
            val id = model.required("modelId")
            val latest = model.text("latest")
            val release = model.required("release")
            model.list("versions").filterIsInstance<JsonObject>().map { version ->
                val name = version.required("version")
                val sizeBytes = version.wholeOrNull("sizeBytes") ?: throw unusable()
                ListedVersion(id, name, sizeBytes, name == latest, release)
            }
        }
    }

    /** The sealed bytes behind a signed URL, from `start` on; the URL alone opens nothing. */
    suspend fun download(url: String, start: Long): Response {
        val request = Request.Builder().url(url).header("Accept-Encoding", "identity")
        if (start > 0) request.header("Range", "bytes=$start-")
        return try {
            http.newCall(request.build()).await()
        } catch (cause: IOException) {
            currentCoroutineContext().ensureActive()
            throw unreachable(cause)
        }
    }

    private suspend fun call(method: String, body: JsonObject?, vararg path: String): JsonObject {
        val answer = send(method, body, path, forceRefresh = false)
        val isStale = (answer.error as? ApiException)?.code == "token_invalid"
        val last = if (isStale) send(method, body, path, forceRefresh = true) else answer
        last.error?.let { throw it }
        val json = last.body ?: throw unusable()
        next.note(last.nextChallenge, last.token)
        return json
    }

    private class Answer(
        val token: String,
        val body: JsonObject?,
        val error: ModelSealException?,
        val nextChallenge: String? = null,
    )

    private suspend fun send(method: String, body: JsonObject?, path: Array<out String>, forceRefresh: Boolean): Answer {
        val url = base.newBuilder()
        for (segment in path) url.addPathSegment(segment)
        val token = token(forceRefresh)
        val request = Request.Builder().url(url.build())
            .header("Authorization", "Bearer $token")
            .method(method, body?.let { Once(it.toString().toRequestBody(JSON)) })
            .build()
        val (response, text) = try {
            val response = http.newCall(request).await()
            response to response.readBody(MAX_ANSWER_BYTES)
        } catch (cause: IOException) {
            currentCoroutineContext().ensureActive()
            throw unreachable(cause)
        }
        val json = text?.takeIf { response.isJson() }?.let(::parseJson) as? JsonObject
        if (json != null) noteClock(response)
        if (response.isSuccessful) return Answer(token, json ?: throw unusable(), null, response.header("Next-Challenge"))
        return Answer(token, null, refusalOf(response, json))
    }

    private suspend fun token(forceRefresh: Boolean): String = try {
        userToken.get(forceRefresh)
    } catch (cancelled: CancellationException) {
        throw cancelled
    } catch (cause: Exception) {
        throw ApiException("token_unavailable", 0, cause = cause)
    }

    private fun noteClock(response: Response) {
        val date = response.headers.getDate("Date") ?: return
        clockAheadMs = date.time - nowMs()
    }

    private fun refusalOf(response: Response, problem: JsonObject?): ApiException {
        // The service says seconds; a date is a proxy's, by a clock that nobody knows.
        val retryAfter = response.header("Retry-After")?.takeIf(SECONDS::matches)?.toLong()
        if (problem == null) {
            // A gateway of the service's own says 5xx without a problem; anything else is somebody else, such as
            // a portal with 511 (RFC 6585 section 6).
            return if (response.code in 500..510) ApiException("http_${response.code}", response.code, Advice.RETRY, retryAfter)
            else unusable()
        }
        val advice = Advice.entries.find { it.name.lowercase() == problem.text("advice") }
        return ApiException(
            problem.text("code") ?: "http_${response.code}", response.code, advice, retryAfter, problem.text("requestId"),
        )
    }

    private fun JsonObject.required(name: String): String = text(name) ?: throw unusable()

    companion object {
        private val JSON = "application/json".toMediaType()
        private val SECONDS = Regex("\\d{1,9}")

        /** A listing of a thousand models, or a manifest of 65,536 layers, fits. */
        private const val MAX_ANSWER_BYTES = 64L shl 20

        fun unreachable(cause: Throwable? = null) = ApiException("unreachable", 0, Advice.RETRY, cause = cause)

        /** Somebody else answered: a captive portal, a proxy. */
        fun unusable() = ApiException("intercepted", 0, Advice.RETRY)
    }
}

/** A body that OkHttp does not send again by itself: its challenge may be spent (R22). */
private class Once(private val body: RequestBody) : RequestBody() {
    override fun contentType() = body.contentType()

    override fun contentLength() = body.contentLength()

    override fun writeTo(sink: BufferedSink) = body.writeTo(sink)

    override fun isOneShot() = true
}

private fun Response.isJson(): Boolean =
    body.contentType()?.let { it.subtype == "json" || it.subtype.endsWith("+json") } ?: false
