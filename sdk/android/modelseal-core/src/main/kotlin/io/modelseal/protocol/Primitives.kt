package io.modelseal.protocol

import java.math.BigInteger
import java.nio.ByteBuffer
import java.security.AlgorithmParameters
import java.security.KeyFactory
import java.security.MessageDigest
import java.security.SecureRandom
import java.security.Signature
import java.security.SignatureException
import java.security.spec.ECGenParameterSpec
import java.security.spec.ECParameterSpec
import java.security.spec.ECPoint
import java.security.spec.ECPublicKeySpec
import java.security.spec.EllipticCurve
import java.security.interfaces.ECPublicKey
import java.security.spec.ECFieldFp
import javax.crypto.AEADBadTagException
import javax.crypto.Cipher
import javax.crypto.Mac
import javax.crypto.spec.GCMParameterSpec
import javax.crypto.spec.IvParameterSpec
import javax.crypto.spec.SecretKeySpec

/** AES, HMAC, SHA-256 and P-256 of the platform's own providers. */
internal const val TAG_BYTES = 16
internal const val IV_BYTES = 12

private val random = SecureRandom()

internal fun randomBytes(length: Int): ByteArray = ByteArray(length).also(random::nextBytes)

internal fun sha256(vararg parts: ByteArray): ByteArray {
    val digest = MessageDigest.getInstance("SHA-256")
    for (part in parts) digest.update(part)
    return digest.digest()
}

internal fun hmacSha256(key: ByteArray, vararg message: ByteArray): ByteArray {
    val mac = Mac.getInstance("HmacSHA256")
    mac.init(SecretKeySpec(key, "HmacSHA256"))
    for (part in message) mac.update(part)
    return mac.doFinal()
}

/** Encrypts the first `length` bytes of `input` to `at` of `into`, another array: the ciphertext with its tag behind it. */
internal fun gcmSeal(key: ByteArray, iv: ByteArray, aad: ByteArray, input: ByteArray, length: Int, into: ByteArray, at: Int) {
    val cipher = Cipher.getInstance("AES/GCM/NoPadding")
    cipher.init(Cipher.ENCRYPT_MODE, SecretKeySpec(key, "AES"), GCMParameterSpec(8 * TAG_BYTES, iv))
    cipher.updateAAD(aad)
    cipher.doFinal(input, 0, length, into, at)
}

/**
 * Opens `length` bytes at `from`, a ciphertext with its tag behind it, into the beginning of `into`: another array,
 * since providers copy what overlaps, and as long as the input, since those of Android 8 want room for the tag.
 * False where the tag does not hold.
 */
internal fun gcmOpen(
    key: ByteArray,
    iv: ByteArray,
    aad: ByteArray,
    input: ByteArray,
    from: Int,
    length: Int,
    into: ByteArray,
): Boolean {
    val cipher = Cipher.getInstance("AES/GCM/NoPadding")
    cipher.init(Cipher.DECRYPT_MODE, SecretKeySpec(key, "AES"), GCMParameterSpec(8 * TAG_BYTES, iv))
    cipher.updateAAD(aad)
    return try {
        cipher.doFinal(input, from, length, into, 0)
        true
    } catch (_: AEADBadTagException) {
        false
    }
}

/**
 * What a cipher is given at a time where it takes pieces. Conscrypt on a JVM copies the whole array of each call, and
 * SunJCE is compiled for how often it is called, not for how much it is given.
 */
private const val PIECE_BYTES = 8 shl 10

/** AES-256-CTR of `length` bytes at `at`, all 128 bits counting, beginning `skip` bytes into the first block of key stream. */
internal fun ctr(key: ByteArray, counter: ByteArray, skip: Int, bytes: ByteArray, at: Int, length: Int, into: ByteBuffer) {
    val cipher = Cipher.getInstance("AES/CTR/NoPadding")
    cipher.init(Cipher.ENCRYPT_MODE, SecretKeySpec(key, "AES"), IvParameterSpec(counter))
    if (skip > 0) cipher.update(ByteArray(skip))
    val (from, to) = List(2) { ByteArray(minOf(length, PIECE_BYTES)) }
    for (done in 0 until length step PIECE_BYTES) {
        val count = minOf(length - done, PIECE_BYTES)
        bytes.copyInto(from, 0, at + done, at + done + count)
        cipher.update(from, 0, count, to, 0)
        into.put(to, 0, count)
    }
    for (piece in listOf(from, to)) piece.wipe()
}

/** P-256 (FIPS 186-5, RFC 7518 section 6.2.1.1). */
internal object P256 {
    val parameters: ECParameterSpec = AlgorithmParameters.getInstance("EC").run {
        init(ECGenParameterSpec("secp256r1"))
        getParameterSpec(ECParameterSpec::class.java)
    }
    private val curve: EllipticCurve = parameters.curve
    private val prime: BigInteger = (curve.field as ECFieldFp).p

    /** Null for coordinates that are no point of the curve. */
    fun publicKey(x: ByteArray, y: ByteArray): ECPublicKey? {
        if (x.size != 32 || y.size != 32) return null
        val point = ECPoint(BigInteger(1, x), BigInteger(1, y))
        if (!isOnCurve(point)) return null
        return KeyFactory.getInstance("EC").generatePublic(ECPublicKeySpec(point, parameters)) as ECPublicKey
    }

    /** Of 04 ‖ x ‖ y (SEC 1 section 2.3.4). */
    fun publicKey(uncompressed: ByteArray): ECPublicKey? =
        if (uncompressed.size != 65 || uncompressed[0] != 4.toByte()) null
        else publicKey(uncompressed.copyOfRange(1, 33), uncompressed.copyOfRange(33, 65))

    fun uncompressed(key: ECPublicKey): ByteArray =
        concat(byteArrayOf(4), key.w.affineX.toBytes32(), key.w.affineY.toBytes32())

    private fun isOnCurve(point: ECPoint): Boolean {
        val (x, y) = point.affineX to point.affineY
        if (x >= prime || y >= prime) return false
        val right = x.pow(3).add(curve.a.multiply(x)).add(curve.b)
        return y.pow(2).subtract(right).mod(prime) == BigInteger.ZERO
    }

    private fun BigInteger.toBytes32(): ByteArray {
        val bytes = toByteArray()
        return if (bytes.size >= 32) bytes.copyOfRange(bytes.size - 32, bytes.size)
        else ByteArray(32 - bytes.size) + bytes
    }
}

/** ECDSA P-256 with SHA-256; the signature is r ‖ s. False for any bytes that are no signature. */
internal fun verifyEs256(key: ECPublicKey, message: ByteArray, signature: ByteArray): Boolean {
    if (signature.size != 64) return false
    val verifier = Signature.getInstance("SHA256withECDSA")
    verifier.initVerify(key)
    verifier.update(message)
    return try {
        verifier.verify(derOf(signature))
    } catch (_: SignatureException) {
        false
    }
}

/** Android's and older JVMs' providers know signatures as DER only (RFC 3279 section 2.2.3). */
private fun derOf(signature: ByteArray): ByteArray {
    fun integer(from: Int): ByteArray {
        val value = BigInteger(1, signature.copyOfRange(from, from + 32)).toByteArray()
        return byteArrayOf(2, value.size.toByte()) + value
    }
    val body = integer(0) + integer(32)
    return byteArrayOf(0x30, body.size.toByte()) + body
}
