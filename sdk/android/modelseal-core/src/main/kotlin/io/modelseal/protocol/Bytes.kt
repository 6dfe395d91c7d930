package io.modelseal.protocol

import java.nio.ByteBuffer
import java.util.Base64

internal fun concat(vararg parts: ByteArray): ByteArray {
    val joined = ByteBuffer.allocate(parts.sumOf { it.size })
    for (part in parts) joined.put(part)
    return joined.array()
}

internal fun u32be(value: Long): ByteArray = ByteBuffer.allocate(4).putInt(value.toInt()).array()

internal fun u32le(value: Long): ByteArray =
    ByteBuffer.allocate(4).putInt(Integer.reverseBytes(value.toInt())).array()

internal fun ByteArray.wipe(): Unit = fill(0)

/** Each part behind its length as four bytes big-endian, so that no two lists of parts encode alike. */
internal fun lengthPrefixed(vararg parts: ByteArray): ByteArray =
    concat(*parts.flatMap { listOf(u32be(it.size.toLong()), it) }.toTypedArray())

/** Unpadded base64url (RFC 4648 section 5). */
internal fun ByteArray.toBase64url(): String = Base64.getUrlEncoder().withoutPadding().encodeToString(this)

/** The bytes of unpadded base64url, or null where the text is not the one canonical encoding of any. */
internal fun fromBase64url(text: String): ByteArray? {
    val bytes = try {
        Base64.getUrlDecoder().decode(text)
    } catch (_: IllegalArgumentException) {
        return null
    }
    return bytes.takeIf { it.toBase64url() == text }
}
