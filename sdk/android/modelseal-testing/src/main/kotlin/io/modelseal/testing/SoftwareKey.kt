package io.modelseal.testing

import io.modelseal.HardwareKey
import io.modelseal.SealException
import java.security.GeneralSecurityException
import java.security.SecureRandom
import javax.crypto.Cipher
import javax.crypto.spec.GCMParameterSpec
import javax.crypto.spec.SecretKeySpec

private const val IV_BYTES = 12
private const val TAG_BITS = 128

/** A stand-in for a hardware key where there is no such hardware: AES-256-GCM under 32 bytes in memory. */
public class SoftwareKey(key: ByteArray) : HardwareKey {
    private val key = SecretKeySpec(key, "AES")

    override suspend fun wrap(secret: ByteArray): ByteArray {
        val iv = ByteArray(IV_BYTES).also(SecureRandom()::nextBytes)
        return iv + cipher(Cipher.ENCRYPT_MODE, iv).doFinal(secret)
    }

    override suspend fun unwrap(wrapped: ByteArray): ByteArray = try {
        cipher(Cipher.DECRYPT_MODE, wrapped.copyOf(IV_BYTES)).doFinal(wrapped, IV_BYTES, wrapped.size - IV_BYTES)
    } catch (cause: GeneralSecurityException) {
        throw SealException(SealException.Reason.STORAGE_CORRUPT, "key", cause)
    } catch (cause: IllegalArgumentException) {
        throw SealException(SealException.Reason.STORAGE_CORRUPT, "key", cause)
    }

    private fun cipher(mode: Int, iv: ByteArray): Cipher =
        Cipher.getInstance("AES/GCM/NoPadding").apply { init(mode, key, GCMParameterSpec(TAG_BITS, iv)) }
}
