package io.modelseal

import kotlinx.coroutines.CancellationException

/**
 * Everything that this library throws, besides `CancellationException`. Switch on [code] and never on
 * the message: codes are stable, and docs/mobile/errors.md and docs/mobile/protocol.md list them.
 */
public sealed class ModelSealException(
    /** A stable word; one of those that the documents list. */
    public val code: String,
    message: String,
    cause: Throwable?,
) : Exception(message, cause)

/** Bytes, keys or storage on this device are not what they must be; [reason] says which check failed. */
public class SealException(
    /** Which check failed. */
    public val reason: Reason,
    detail: String? = null,
    cause: Throwable? = null,
) : ModelSealException(reason.code, if (detail == null) reason.code else "${reason.code}: $detail", cause) {
    /** Stable words, the same in every SDK. */
    public enum class Reason(
        /** As other SDKs and reports write it. */
        public val code: String,
    ) {
        /** The header is not one of ours, or says what cannot be. */
        CONTAINER_MALFORMED("container-malformed"),

        /** The bytes end before the last chunk does. */
        CONTAINER_TRUNCATED("container-truncated"),

        /** A version of the container or of a token that this code does not know. */
        VERSION_UNSUPPORTED("version-unsupported"),

        /** A chunk that was not sealed under this key at this place of this file. */
        CHUNK_FORGED("chunk-forged"),

        /** A patch for another copy than the one that this device holds. */
        BASE_MISMATCH("base-mismatch"),

        /** A recipe of a patch that does not make exactly its chunk from the base. */
        PATCH_MALFORMED("patch-malformed"),

        /** A suite of HPKE that this code does not know. */
        SUITE_UNSUPPORTED("suite-unsupported"),

        /** A recipient key that is no point of its curve. */
        RECIPIENT_KEY_INVALID("recipient-key-invalid"),

        /** HPKE refused: another key, another grant, or changed bytes. */
        KEY_REFUSED("key-refused"),

        /** Not a token of ours, or one whose members are not what they must be. */
        TOKEN_MALFORMED("token-malformed"),

        /** Signed by none of the pinned keys, or by one that may not sign this. */
        SIGNER_UNTRUSTED("signer-untrusted"),

        /** Not signed by the key that the token names. */
        SIGNATURE_INVALID("signature-invalid"),

        /** Sound tokens, for something else than was asked. */
        TOKEN_MISMATCH("token-mismatch"),

        /** The opened bytes are not those that were promised. */
        DIGEST_MISMATCH("digest-mismatch"),

        /** A release record that is over: whoever answers is out of date, or wants the device to be. */
        RELEASE_EXPIRED("release-expired"),

        /** The device has seen a newer release record of this model. */
        RELEASE_ROLLED_BACK("release-rolled-back"),

        /** The licence begins later than now. */
        LICENCE_NOT_YET_VALID("licence-not-yet-valid"),

        /** The licence is over, its offline grace too; the copy was erased. */
        LICENCE_EXPIRED("licence-expired"),

        /** The clock is behind a time that this device has seen already. */
        CLOCK_ROLLED_BACK("clock-rolled-back"),

        /** What the device stored is missing or not what it wrote. */
        STORAGE_CORRUPT("storage-corrupt"),

        /** The storage does not answer now, and nothing of it was given up. */
        STORAGE_UNAVAILABLE("storage-unavailable"),

        /** There is no room for the model. */
        STORAGE_FULL("storage-full"),

        /** The key that wraps stored models is there but not usable now, as on a locked phone. */
        KEY_UNAVAILABLE("key-unavailable"),

        /** The manifest has no layer of this index. */
        LAYER_UNKNOWN("layer-unknown"),

        /** The model was closed, or its user has signed out. */
        CLOSED("closed"),
    }
}

/** What an app does after a refusal: try again later, enrol anew, update, or give up on this device. */
public enum class Advice {
    /** The same call may succeed later. */
    RETRY,

    /** The device must enrol anew, which the library does by itself once. */
    REATTEST,

    /** This version of the app gets no more models. */
    UPDATE,

    /** No repetition and no update helps on this device. */
    UNSUPPORTED,
}

/**
 * The service refused (an RFC 9457 problem), or there was no answer of its own. Codes beside those of
 * docs/mobile/errors.md: `unreachable`, `intercepted` (somebody else answered), `token_unavailable`,
 * `attestation_unavailable`, `download_refused`, `clock_wrong`.
 */
public class ApiException(
    code: String,
    /** Of HTTP; 0 where there was no answer of the service's. */
    public val status: Int,
    /** What the service advises; null where it says nothing. */
    public val advice: Advice? = null,
    /** How long to wait before another try; null where the service says nothing. */
    public val retryAfterSeconds: Long? = null,
    /** Tells the operators which request it was. */
    public val requestId: String? = null,
    /** The service's time in milliseconds since 1970, where `clock_wrong` is told. */
    public val serverTimeMs: Long? = null,
    cause: Throwable? = null,
) : ModelSealException(code, "$code ($status)", cause)

/** The attested key is gone, as after a restore on another phone: normal, and mended by enrolling anew. */
public class KeyLostException(cause: Throwable? = null) :
    ModelSealException("key-lost", "the attested key is gone", cause)

/** What a part of the app throws otherwise than by its contract becomes the cause of `error`. */
internal suspend fun <T> typed(error: (Exception) -> ModelSealException, work: suspend () -> T): T = try {
    work()
} catch (known: ModelSealException) {
    throw known
} catch (cancelled: CancellationException) {
    throw cancelled
} catch (cause: Exception) {
    throw error(cause)
}
