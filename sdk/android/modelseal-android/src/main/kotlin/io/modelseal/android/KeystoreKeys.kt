package io.modelseal.android

import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.StrongBoxUnavailableException
import java.security.Key
import java.security.KeyStore
import java.security.ProviderException
import java.security.UnrecoverableKeyException

internal const val KEYSTORE = "AndroidKeyStore"

internal fun keystore(): KeyStore = KeyStore.getInstance(KEYSTORE).apply { load(null) }

/**
 * The key of this alias, null where there is none. Throws KeyPermanentlyInvalidatedException where it is
 * good for nothing any more, and UnrecoverableKeyException where the Keystore does not answer now.
 */
internal fun storedKey(alias: String): Key? = try {
    keystore().getKey(alias, null)
} catch (failure: UnrecoverableKeyException) {
    // The framework names a cause of all but keys that are invalid for good (AndroidKeyStoreSpi.engineGetKey).
    throw if (failure.cause == null) KeyPermanentlyInvalidatedException(failure.message, failure) else failure
}

/**
 * Makes a key in the phone's StrongBox where it has one, else in its trusted environment. Some phones
 * announce a StrongBox that refuses, with an exception of another kind.
 */
internal fun <T> inHardware(spec: KeyGenParameterSpec.Builder, generate: (KeyGenParameterSpec) -> T): T {
    if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) {
        try {
            return generate(spec.setIsStrongBoxBacked(true).build())
        } catch (_: StrongBoxUnavailableException) {
            // The trusted environment is what most phones have.
        } catch (_: ProviderException) {
            // As above.
        }
        spec.setIsStrongBoxBacked(false)
    }
    return generate(spec.build())
}
