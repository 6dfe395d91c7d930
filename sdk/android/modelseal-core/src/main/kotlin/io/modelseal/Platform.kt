package io.modelseal

import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put

/** What a phone's platform gives: attested keys that cannot leave the hardware. */
public interface DevicePlatform {
    /** `android` or `ios`. */
    public val platform: String

    /** As the platform writes it: the package name on Android. */
    public val appId: String

    /** Dotted numbers, such as 2.10.1. */
    public val appVersion: String

    /** By which the publisher may give this phone another file of a model; nothing where it is not overridden. */
    public val traits: DeviceTraits get() = DeviceTraits()

    /**
     * Makes a new key and has the platform attest it for exactly this client data, given as the SHA-256
     * of its bytes. Throws PlatformBusyException where the platform cannot now, KeyLostException where it
     * will not have this key.
     */
    public suspend fun createAttestedKey(clientDataHash: ByteArray): AttestedKey

    /**
     * The member `proof` of a request: a proof by that key over this client data. Throws KeyLostException
     * where the platform has it no more, PlatformBusyException where it may work in a moment.
     */
    public suspend fun prove(keyHandle: String, clientDataHash: ByteArray): JsonObject
}

/** What a phone says of itself; each null where it does not. */
public class DeviceTraits(
    /** One to four dotted numbers. */
    public val osVersion: String? = null,
    /** Memory in GiB, rounded up. */
    public val ramGb: Int? = null,
    /** As the platform names it, in lower case. */
    public val chip: String? = null,
) {
    /** Null where nothing is said. */
    internal fun toJson(): JsonObject? = buildJsonObject {
        osVersion?.let { put("osVersion", it) }
        ramGb?.let { put("ramGb", it) }
        chip?.let { put("chip", it) }
    }.takeIf { it.isNotEmpty() }
}

/** A key that the platform has attested. */
public class AttestedKey(
    /** How the platform finds the key again; no secret. */
    public val keyHandle: String,
    /** The member `attestation` of the enrolment request (docs/mobile/protocol.md section 9). */
    public val attestation: JsonObject,
)

/** The platform, or a service of its maker's, cannot do it now: worth a retry with the same key. */
public class PlatformBusyException(cause: Throwable? = null) :
    ModelSealException("platform-busy", "the platform cannot do it now", cause)

/**
 * A key that never leaves the device's secure hardware. It wraps the storage keys of models, 32 bytes
 * each. Both calls throw SealException: `storage-corrupt` for what this key did not wrap or where it is
 * lost for good, `key-unavailable` where it is there but not usable now, as on a locked phone. Any other
 * exception counts as `key-unavailable`: a copy is given up only where its key is known to be lost.
 */
public interface HardwareKey {
    /** The secret, so that only this key opens it. Throws SealException `key-unavailable`. */
    public suspend fun wrap(secret: ByteArray): ByteArray

    /** What was wrapped. Throws SealException `storage-corrupt`, `key-unavailable`. */
    public suspend fun unwrap(wrapped: ByteArray): ByteArray
}

/**
 * The app's private storage: files by name. What is written to it is encrypted already. Its exceptions
 * become SealException `storage-unavailable`, or `storage-full` where it throws that itself.
 */
public interface ModelStorage {
    /** `length` bytes from `offset`, or fewer where the file ends; null where there is no such file. */
    public suspend fun read(name: String, offset: Long, length: Int): ByteArray?

    /**
     * The first `length` bytes of `into` with those from `offset`; how many there were, null where there is no such
     * file. Called by several threads at once while a model is opened. A storage that fills `into` itself spares a
     * model of many chunks the garbage of each.
     */
    public suspend fun readInto(name: String, offset: Long, into: ByteArray, length: Int): Int? =
        read(name, offset, length)?.let {
            it.copyInto(into)
            it.size
        }

    /** Writes within the file or behind its end; the file is made where there is none. */
    public suspend fun writeAt(name: String, offset: Long, bytes: ByteArray)

    /** The whole file at once, or, where that fails, the old one as it was. */
    public suspend fun replace(name: String, bytes: ByteArray)

    /** In the place of a file that is there. */
    public suspend fun rename(from: String, to: String)

    /** Null where there is no such file. */
    public suspend fun sizeBytes(name: String): Long?

    /** No error where there is no such file. */
    public suspend fun delete(name: String)

    /** The names of all files. */
    public suspend fun list(): List<String>

    /** What may still be written; null where that cannot be told. */
    public suspend fun freeBytes(): Long?

    /** Runs `work` while nobody else, in no process of this app, holds the lock of this name. */
    public suspend fun <T> withLock(name: String, work: suspend () -> T): T
}
