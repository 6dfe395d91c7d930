package io.modelseal

import io.modelseal.protocol.P256
import io.modelseal.protocol.fromBase64url
import java.security.interfaces.ECPublicKey

/**
 * A public key that the app pins at build time: the publisher's (`manifest.<n>`) and the licences'
 * (`licence.<n>`). Throws IllegalArgumentException for coordinates that are no point of P-256.
 */
public class VerificationKey(
    /** As tokens name it: `manifest.1`, `licence.1`. */
    public val kid: String,
    /** Coordinates in base64url, as in a JWK (RFC 7518 section 6.2.1). */
    x: String,
    y: String,
) {
    internal val publicKey: ECPublicKey =
        requireNotNull(P256.publicKey(fromBase64url(x) ?: ByteArray(0), fromBase64url(y) ?: ByteArray(0))) {
            "$kid is no P-256 key"
        }
}

/** A run of weights in a model file. */
public data class Layer(
    /** Names the layer; never changes. */
    public val index: Long,
    /** Where it begins in the file, in bytes. */
    public val offset: Long,
    /** In bytes. */
    public val length: Long,
    /** As the model file calls the tensor. */
    public val name: String?,
    /** The type of its numbers, as the format writes it. */
    public val dtype: String?,
    /** The lengths of its dimensions. */
    public val shape: List<Long>?,
)

/** What the publisher signed of a model version. */
public data class Manifest(
    /** The model's id. */
    public val model: String,
    /** As it was published. */
    public val version: String,
    /** Such as `tflite`. */
    public val format: String,
    /** Of the model file. */
    public val sizeBytes: Long,
    /** Of the model file in the clear, base64url. */
    public val sha256: String,
    /** The runs of weights, ascending; the rest of the file is structure. */
    public val layers: List<Layer>,
    /** Seconds since 1970. */
    public val publishedAt: Long,
    /** Whether each copy carries a mark of its own. */
    public val isMarked: Boolean,
)

/** What this device may do with its copy; times in seconds since 1970. */
public data class Licence(
    /** Names this copy. */
    public val grantId: String,
    /** Whom it is for. */
    public val userId: String,
    /** The one device that may open it. */
    public val deviceId: String,
    /** The model's id. */
    public val model: String,
    /** The model's version. */
    public val version: String,
    /** SHA-256 of the manifest token, base64url. */
    public val manifestDigest: String,
    /** Of exactly the bytes that this device opens, base64url. */
    public val sha256: String,
    /** When the service signed it. */
    public val issuedAt: Long,
    /** From when on it opens. */
    public val notBefore: Long,
    /** Until when it opens. */
    public val expiresAt: Long,
    /** How much longer a device that cannot reach the service may go on. */
    public val offlineGraceSeconds: Long,
)

/** A device that came to this user's others and does not count yet. */
public data class WaitingDevice(
    /** As the service names it; what `approveDevice` and `retireOther` take. */
    public val deviceId: String,
    /** From when on it counts without anybody's word (RFC 3339). */
    public val approvedFrom: String,
)

/** A device's key pair for one grant, wherever its private half lies. */
public interface RecipientKey {
    /** The HPKE suite's name on the wire, such as `P256-HKDF-SHA256-AES256GCM`. */
    public val suite: String

    /** Serialised as RFC 9180 section 7.1.1 says. */
    public val publicKey: ByteArray

    /** The content key. Throws SealException `key-refused`, and `key-unavailable` where the key's hardware fails. */
    public suspend fun open(enc: ByteArray, ct: ByteArray, info: ByteArray, aad: ByteArray): ByteArray

    /** Destroys the private half; after one grant it is good for nothing. */
    public fun destroy() {}
}
