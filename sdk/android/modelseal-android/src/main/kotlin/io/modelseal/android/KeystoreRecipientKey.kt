package io.modelseal.android

import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import io.modelseal.RecipientKey
import io.modelseal.RecipientKeys
import java.security.KeyPairGenerator
import java.security.ProviderException
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.util.UUID
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext

/**
 * The ephemeral key of one grant: in the Keystore from Android 12 on (PURPOSE_AGREE_KEY), where its
 * hardware takes such keys, else in memory. Pass it as `createRecipientKey`.
 */
public suspend fun keystoreRecipientKey(): RecipientKey = withContext(Dispatchers.IO) {
    if (Build.VERSION.SDK_INT < Build.VERSION_CODES.S) return@withContext RecipientKeys.software()
    try {
        agreementKey()
    } catch (_: ProviderException) {
        // Keystores of before KeyMint know no such purpose, whatever the system's version.
        RecipientKeys.software()
    }
}

private const val PREFIX = "modelseal.grant."
private const val ABANDONED_MS = 24 * 60 * 60_000L

private fun agreementKey(): RecipientKey {
    deleteAbandoned()
    val alias = "$PREFIX${UUID.randomUUID()}"
    val spec = KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_AGREE_KEY)
        .setAlgorithmParameterSpec(ECGenParameterSpec("secp256r1"))
        .build()
    val generator = KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_EC, KEYSTORE)
    generator.initialize(spec)
    val pair = generator.generateKeyPair()
    val key = RecipientKeys.p256(pair.public as ECPublicKey, pair.private, KEYSTORE)
    return object : RecipientKey by key {
        override fun destroy() = keystore().deleteEntry(alias)
    }
}

/** Keys of grants in whose middle the app was killed. */
private fun deleteAbandoned() {
    val store = keystore()
    val isAbandoned = { alias: String ->
        alias.startsWith(PREFIX) && System.currentTimeMillis() - (store.getCreationDate(alias)?.time ?: Long.MAX_VALUE) > ABANDONED_MS
    }
    store.aliases().toList().filter(isAbandoned).forEach(store::deleteEntry)
}
