package io.modelseal.android

import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.StrongBoxUnavailableException
import java.security.KeyStore
import java.security.ProviderException

internal const val KEYSTORE = "AndroidKeyStore"

internal fun keystore(): KeyStore = KeyStore.getInstance(KEYSTORE).apply { load(null) }

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
