package io.modelseal

import io.modelseal.api.ApiClient
import io.modelseal.api.GrantAnswer
import io.modelseal.api.ProvenRequest
import io.modelseal.api.ReportAnswer
import io.modelseal.api.RetryPolicy
import io.modelseal.api.SPENT_CHALLENGE
import io.modelseal.api.withRetry
import io.modelseal.protocol.RolloutDevice
import io.modelseal.protocol.parseJson
import io.modelseal.protocol.randomBytes
import io.modelseal.protocol.sha256
import io.modelseal.protocol.text
import io.modelseal.protocol.toBase64url
import io.modelseal.store.CopyFiles
import io.modelseal.store.answered
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put

/** A grant with the key that opens it; the key is good for this grant only. */
internal class Grant(
    val answer: GrantAnswer,
    /** As it was asked for: by this the publisher's record says which version is its own. */
    val device: RolloutDevice,
    val recipientKey: RecipientKey,
) {
    val deviceId get() = device.deviceId
}

/** What renewed a licence, and the random name of the request that it has to answer. */
internal class Renewal(val licence: String, val release: String, val nonce: String)

private class Enrolment(val deviceId: String, val keyHandle: String)

/**
 * The service, as one device of one account sees it. Every call proves itself with the device's attested
 * key, enrols first where there is none, and enrols again, once, where the key is lost or unknown.
 */
internal class DeviceClient(
    private val api: ApiClient,
    private val platform: DevicePlatform,
    private val files: CopyFiles,
    private val retry: RetryPolicy,
    private val createRecipientKey: suspend () -> RecipientKey,
    private val nowMs: () -> Long,
) {
    /**
     * `base` is the grant of a complete copy of the model here, of which a patch may come. Throws ApiException;
     * `clock_wrong` before a grant is spent that this device could not open.
     */
    suspend fun grant(model: String, version: String?, base: String? = null): Grant = enrolled { enrolment ->
        withRetry(retry) {
            val key = createRecipientKey()
            try {
                val request = proven(enrolment, "model.grant", afterChallenge = ::requireClock) {
                    put("modelId", model)
                    put("version", version ?: "latest")
                    put("recipientKey", key.publicKey.toBase64url())
                    put("suite", key.suite)
                    platform.traits.toJson()?.let { put("traits", it) }
                    if (base != null) put("base", base)
                }
                Grant(api.grant(model, request), deviceOf(enrolment), key)
            } catch (error: Exception) {
                key.destroy()
                throw error
            }
        }
    }

    /** This device as rollouts know it; null before it has enrolled. */
    suspend fun rolloutDevice(): RolloutDevice? = load()?.let(::deviceOf)

    private fun deviceOf(enrolment: Enrolment) =
        RolloutDevice(enrolment.deviceId, platform.platform, platform.appVersion, platform.traits)

    suspend fun renew(grantId: String, digest: String): Renewal = enrolled { enrolment ->
        withRetry(retry) {
            val nonce = randomBytes(16).toBase64url()
            val request = proven(enrolment, "licence.renew") {
                put("grantId", grantId)
                put("digest", digest)
                put("nonce", nonce)
            }
            val answer = api.renew(grantId, request)
            Renewal(answer.licence, answer.release, nonce)
        }
    }

    suspend fun report(events: List<JsonObject>, held: List<String>): ReportAnswer = enrolled { enrolment ->
        withRetry(retry) {
            val request = proven(enrolment, "events") {
                put("events", JsonArray(events))
                put("held", JsonArray(held.map(::JsonPrimitive)))
            }
            api.report(request)
        }
    }

    /** Vouches for another device of this user's, which then counts at once. */
    suspend fun approve(target: String): Unit = aboutOther("device.approve", target) { api.approve(target, it) }

    suspend fun retireOther(target: String): Unit = aboutOther("device.retire", target) { api.retire(target, it) }

    /** Enrols nothing anew: `device_unknown` is of the other, and a new key would have no say. */
    private suspend fun aboutOther(type: String, target: String, ask: suspend (ProvenRequest) -> Unit) {
        val enrolment = load() ?: enrol(null)
        withRetry(retry) { ask(proven(enrolment, type) { put("target", target) }) }
    }

    /** A device that the service does not know any more, or whose key is lost, is as good as retired. */
    suspend fun retire() {
        val enrolment = load() ?: return
        try {
            withRetry(retry) {
                val request = proven(enrolment, "device.retire") { put("target", enrolment.deviceId) }
                api.retire(enrolment.deviceId, request)
            }
        } catch (_: KeyLostException) {
            // As good as retired.
        } catch (error: ApiException) {
            if (error.code != "device_unknown") throw error
        }
        answered { files.storage.delete(files.enrolment) }
    }

    /** When this user may enrol again, as the service says it. */
    suspend fun eraseMe(): String? {
        val enrolment = load()
        val answer = withRetry(retry) {
            if (enrolment != null) {
                api.erase(proven(enrolment, "user.erase") {})
            } else {
                val challenge = api.challenge("user.erase")
                val data = buildJsonObject {
                    put("type", "user.erase")
                    put("challenge", challenge)
                }
                api.erase(ProvenRequest(data.toString().toByteArray(), null))
            }
        }
        answered { files.storage.delete(files.enrolment) }
        return answer.text("enrolAgainAt")
    }

    /** The difference between the service's clock and this device's, where a fresh licence would not hold. Throws `clock_wrong`. */
    fun requireClock() {
        val ahead = api.clockAheadMs
        if (ahead > MAX_BEHIND_MS || ahead < -MAX_AHEAD_MS) throw clockWrong()
    }

    fun clockWrong(cause: Throwable? = null): ApiException =
        ApiException("clock_wrong", 0, serverTimeMs = nowMs() + api.clockAheadMs, cause = cause)

    /** Whether the service's clock is known to be another than this device's by more than a request takes. */
    fun isClockOff(): Boolean = kotlin.math.abs(api.clockAheadMs) > MAX_BEHIND_MS

    private suspend fun <T> enrolled(work: suspend (Enrolment) -> T): T {
        val known = load() ?: return work(enrol(null))
        return try {
            work(known)
        } catch (error: ModelSealException) {
            if (!isKeyUnusable(error)) throw error
            work(enrol(known))
        }
    }

    /** Enrols, unless somebody else has since `known` was read: in this process or in another of the app. */
    private suspend fun enrol(known: Enrolment?): Enrolment = files.locked("enrolment") {
        val current = load()
        if (current != null && current.deviceId != known?.deviceId) return@locked current
        val made = try {
            enrolOnce(current)
        } catch (error: ModelSealException) {
            val needsAnotherKey = error is KeyLostException || error is ApiException && error.code in SPENT_CHALLENGE
            if (!needsAnotherKey) throw error
            enrolOnce(current)
        }
        save(made)
        made
    }

    /** Each step is retried by itself, since a platform wants the same key and the same hash again. */
    private suspend fun enrolOnce(replaced: Enrolment?): Enrolment {
        val challenge = withRetry(retry) { api.challenge("device.enroll") }
        val data = buildJsonObject {
            put("type", "device.enroll")
            put("challenge", challenge)
            put("platform", platform.platform)
            put("appId", platform.appId)
            put("appVersion", platform.appVersion)
            if (replaced != null) put("replaces", replaced.deviceId)
        }.toString().toByteArray()
        val key = withRetry(retry) { onPlatform { platform.createAttestedKey(sha256(data)) } }
        val deviceId = withRetry(retry, except = SPENT_CHALLENGE) { api.enrol(data, key.attestation) }
        return Enrolment(deviceId, key.keyHandle)
    }

    /** Client data with a fresh challenge, and the device's proof over its exact bytes. */
    private suspend fun proven(
        enrolment: Enrolment,
        purpose: String,
        afterChallenge: () -> Unit = {},
        members: kotlinx.serialization.json.JsonObjectBuilder.() -> Unit,
    ): ProvenRequest {
        val challenge = api.challenge(purpose)
        afterChallenge()
        val data = buildJsonObject {
            put("type", purpose)
            put("challenge", challenge)
            put("deviceId", enrolment.deviceId)
            put("appVersion", platform.appVersion)
            members()
        }.toString().toByteArray()
        return ProvenRequest(data, onPlatform { platform.prove(enrolment.keyHandle, sha256(data)) })
    }

    private suspend fun load(): Enrolment? {
        val json = files.readAll(files.enrolment)?.let(::parseJson) as? JsonObject
        val deviceId = json?.text("deviceId")
        val keyHandle = json?.text("keyHandle")
        return if (deviceId == null || keyHandle == null) null else Enrolment(deviceId, keyHandle)
    }

    private suspend fun save(enrolment: Enrolment) = answered {
        val json = buildJsonObject {
            put("deviceId", enrolment.deviceId)
            put("keyHandle", enrolment.keyHandle)
        }
        files.storage.replace(files.enrolment, json.toString().toByteArray())
    }

    private companion object {
        /** Licences begin two minutes before they are issued (functions/grants/licence-terms.ts). */
        const val MAX_BEHIND_MS = 2 * 60_000L

        /** Further ahead than people set their clocks on purpose, and less than licences last. */
        const val MAX_AHEAD_MS = 60 * 60_000L
    }
}

private val REENROL = setOf("device_unknown", "reattestation_required")

/** A key that stays busy through all retries is as good as lost: a new one must not be out of reach. */
private fun isKeyUnusable(error: ModelSealException): Boolean =
    error is KeyLostException || error is PlatformBusyException || error is ApiException && error.code in REENROL

/** Whatever else a platform throws: it does not attest now. */
private suspend fun <T> onPlatform(work: suspend () -> T): T =
    typed({ ApiException("attestation_unavailable", 0, cause = it) }, work)
