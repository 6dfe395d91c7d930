package io.modelseal

import io.modelseal.protocol.randomBytes
import java.nio.ByteBuffer
import java.time.Instant
import java.time.format.DateTimeFormatterBuilder
import java.util.UUID
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put

/** What self-protection (RASP) noticed; the `cause` of a `rasp.signal`. */
public enum class RaspSignal {
    /** The phone runs code that Apple did not sign. */
    JAILBREAK,

    /** The phone's owner, or an app, has root. */
    ROOT,

    /** A debugger is attached. */
    DEBUGGER,

    /** A framework that hooks functions is loaded. */
    HOOK,

    /** It is no phone. */
    EMULATOR,

    /** The app is signed by somebody else. */
    REPACKAGED,

    /** The app's code or files were changed. */
    TAMPERING,

    /** The app was installed by another store than those that it is offered in. */
    UNOFFICIAL_STORE,

    /** The phone's developer options are on. */
    DEVELOPER_MODE,
}

/** What the app tells about itself; docs/analysts/events.md says what becomes of it. */
public class ClientEvent private constructor(
    internal val type: String,
    internal val grant: String? = null,
    internal val model: String? = null,
    internal val cause: String? = null,
    internal val version: String? = null,
    internal val tookMs: Long? = null,
) {
    /** What an app may tell. */
    public companion object {
        /** The app started; its self-checks are running. */
        public fun appStarted(): ClientEvent = ClientEvent("app.started")

        /** All self-checks of the app ran to their end. */
        public fun raspChecked(): ClientEvent = ClientEvent("rasp.checked")

        /** A self-check noticed something. */
        public fun raspSignal(signal: RaspSignal): ClientEvent =
            ClientEvent("rasp.signal", cause = signal.name.lowercase())

        /** The clock of the device was moved. */
        public fun clockMoved(): ClientEvent = ClientEvent("clock.moved")

        internal fun opened(grant: String, manifest: Manifest, tookMs: Long? = null) =
            ClientEvent("model.opened", grant, manifest.model, version = manifest.version, tookMs = tookMs)

        internal fun crashed(grant: String, manifest: Manifest) =
            ClientEvent("model.crashed", grant, manifest.model, version = manifest.version)

        internal fun openFailed(grant: String, model: String, cause: String) =
            ClientEvent("model.open_failed", grant, model, cause)

        internal fun expired(grant: String) = ClientEvent("licence.expired", grant)
    }

    /** With its time and its id, by which a repetition is known as one. */
    internal fun complete(nowMs: Long): JsonObject = buildJsonObject {
        put("eventId", uuidV7(nowMs).toString())
        put("type", type)
        put("occurredAt", timeText(nowMs))
        grant?.let { put("grant", it) }
        model?.let { put("model", it) }
        version?.let { put("version", it) }
        cause?.let { put("cause", it) }
        tookMs?.let { put("attributes", buildJsonObject { put("tookMs", it) }) }
    }
}

/** The service takes exactly three digits, which `Instant.toString` leaves out where they are zero. */
private val MILLISECONDS = DateTimeFormatterBuilder().appendInstant(3).toFormatter()

internal fun timeText(nowMs: Long): String = MILLISECONDS.format(Instant.ofEpochMilli(nowMs))

/** RFC 9562 section 5.7. */
internal fun uuidV7(nowMs: Long, random: ByteBuffer = ByteBuffer.wrap(randomBytes(10))): UUID {
    val high = (nowMs shl 16) or 0x7000L or (random.getShort(0).toLong() and 0x0fff)
    val low = (random.getLong(2) and 0x3fff_ffff_ffff_ffffL) or Long.MIN_VALUE
    return UUID(high, low)
}
