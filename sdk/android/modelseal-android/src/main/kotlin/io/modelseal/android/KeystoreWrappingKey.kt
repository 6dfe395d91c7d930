package io.modelseal.android

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import io.modelseal.HardwareKey
import io.modelseal.SealException
import io.modelseal.SealException.Reason
import java.security.GeneralSecurityException
import java.security.ProviderException
import javax.crypto.AEADBadTagException
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext

private const val TRANSFORMATION = "AES/GCM/NoPadding"
private const val IV_BYTES = 12
private const val TAG_BITS = 128

/**
 * The key that wraps stored models: AES-256 in the Keystore, in StrongBox or the trusted environment. It
 * is made at the first wrapping. Only where the Keystore says that it is gone for good does a copy count
 * as lost; anything else, such as on a locked phone, is `key-unavailable`.
 */
public class KeystoreWrappingKey(private val alias: String = "modelseal.wrapping-key") : HardwareKey {
    private val making = Mutex()

    override suspend fun wrap(secret: ByteArray): ByteArray = withContext(Dispatchers.IO) {
        making.withLock {
            whileUsable {
                val cipher = try {
                    encrypting(stored() ?: make())
                } catch (_: KeyPermanentlyInvalidatedException) {
                    // What it has wrapped is lost already.
                    keystore().deleteEntry(alias)
                    encrypting(make())
                }
                cipher.iv + cipher.doFinal(secret)
            }
        }
    }

    override suspend fun unwrap(wrapped: ByteArray): ByteArray = withContext(Dispatchers.IO) {
        if (wrapped.size < IV_BYTES) throw lost()
        whileUsable {
            val cipher = Cipher.getInstance(TRANSFORMATION)
            try {
                cipher.init(Cipher.DECRYPT_MODE, stored() ?: throw lost(), GCMParameterSpec(TAG_BITS, wrapped, 0, IV_BYTES))
                cipher.doFinal(wrapped, IV_BYTES, wrapped.size - IV_BYTES)
            } catch (cause: KeyPermanentlyInvalidatedException) {
                throw lost(cause)
            } catch (cause: AEADBadTagException) {
                throw lost(cause)
            }
        }
    }

    private fun encrypting(key: SecretKey): Cipher =
        Cipher.getInstance(TRANSFORMATION).apply { init(Cipher.ENCRYPT_MODE, key) }

    private fun stored(): SecretKey? = storedKey(alias) as SecretKey?

    private inline fun <T> whileUsable(work: () -> T): T = try {
        work()
    } catch (cause: GeneralSecurityException) {
        throw SealException(Reason.KEY_UNAVAILABLE, cause = cause)
    } catch (cause: ProviderException) {
        throw SealException(Reason.KEY_UNAVAILABLE, cause = cause)
    }

    private fun make(): SecretKey {
        val spec = KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .setKeySize(256)
        return inHardware(spec) {
            KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, KEYSTORE).apply { init(it) }.generateKey()
        }
    }

    private fun lost(cause: Throwable? = null) = SealException(Reason.STORAGE_CORRUPT, "wrapping key", cause)
}
