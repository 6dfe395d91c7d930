package io.modelseal.protocol

import io.modelseal.SealException
import io.modelseal.SealException.Reason
import io.modelseal.VerificationKey
import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException
import java.nio.charset.CodingErrorAction
import java.security.interfaces.ECPublicKey
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/** A manifest of 65,536 layers with long names fits. */
private const val MAX_TOKEN_CHARS = 1 shl 25

internal class ParsedJws(
    val header: JsonObject,
    val payload: JsonObject,
    val signingInput: ByteArray,
    val signature: ByteArray,
)

/**
 * Takes a compact JWS (RFC 7515) apart without believing it. Throws `token-malformed` for anything but
 * an ES256 token of this `typ` whose header has the members named and no other.
 */
internal fun parseJws(token: String, typ: String, members: Set<String>): ParsedJws {
    val parts = if (token.length <= MAX_TOKEN_CHARS) token.split('.') else emptyList()
    if (parts.size != 3) throw malformed("not a compact JWS")
    val header = decodeJson(parts[0])
    val expected = members + setOf("alg", "typ")
    if (header.text("alg") != "ES256" || header.text("typ") != typ || !expected.containsAll(header.keys)) {
        throw malformed("not an ES256 token of type $typ")
    }
    val signature = fromBase64url(parts[2]) ?: throw malformed("signature")
    return ParsedJws(header, decodeJson(parts[1]), "${parts[0]}.${parts[1]}".toByteArray(), signature)
}

/** Throws `signature-invalid`. */
internal fun ParsedJws.requireSignature(key: ECPublicKey) {
    if (!verifyEs256(key, signingInput, signature)) throw SealException(Reason.SIGNATURE_INVALID)
}

/** The pinned key that signed this. Throws `signer-untrusted` where it is none of this purpose. */
internal fun ParsedJws.pinnedKey(purpose: String, keys: List<VerificationKey>): ECPublicKey {
    val kid = header.text("kid")
    val key = keys.find { it.kid == kid && it.kid.startsWith("$purpose.") }
    return key?.publicKey ?: throw SealException(Reason.SIGNER_UNTRUSTED, kid)
}

/** What other tokens and HPKE's info name a token by: SHA-256 of its ASCII bytes. */
internal fun tokenDigest(token: String): ByteArray = sha256(token.toByteArray())

private fun decodeJson(part: String): JsonObject {
    val bytes = fromBase64url(part) ?: throw malformed("not base64url")
    return parseJson(bytes) as? JsonObject ?: throw malformed("not a JSON object")
}

/** Null for bytes that are no JSON in UTF-8. */
internal fun parseJson(bytes: ByteArray): JsonElement? = try {
    val decoder = Charsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPORT)
    Json.parseToJsonElement(decoder.decode(ByteBuffer.wrap(bytes)).toString())
} catch (_: CharacterCodingException) {
    null
} catch (_: SerializationException) {
    null
}

internal fun malformed(detail: String) = SealException(Reason.TOKEN_MALFORMED, detail)

// Reading payloads: each member is of its type or the token is malformed.

internal fun JsonObject.text(name: String): String? = (get(name) as? JsonPrimitive)?.takeIf { it.isString }?.content

internal fun JsonObject.identifier(name: String): String =
    text(name)?.takeIf { it.length in 1..256 } ?: throw malformed(name)

internal fun JsonObject.whole(name: String, range: LongRange = 0..MAX_SAFE): Long =
    wholeOrNull(name)?.takeIf { it in range } ?: throw malformed(name)

internal fun JsonObject.wholeOrNull(name: String): Long? =
    (get(name) as? JsonPrimitive)?.takeIf { !it.isString }?.content?.toLongOrNull()

internal fun JsonObject.date(name: String): Long = whole(name, 0..0xff_ffff_ffffL)

internal fun JsonObject.digest(name: String): ByteArray =
    text(name)?.let(::fromBase64url)?.takeIf { it.size == 32 } ?: throw malformed(name)

internal fun JsonObject.inner(name: String): JsonObject = get(name) as? JsonObject ?: throw malformed(name)

internal fun JsonObject.list(name: String): JsonArray = get(name) as? JsonArray ?: throw malformed(name)

private const val MAX_SAFE = (1L shl 53) - 1
