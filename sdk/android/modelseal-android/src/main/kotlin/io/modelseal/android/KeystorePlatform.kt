package io.modelseal.android

import android.content.Context
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import io.modelseal.AttestedKey
import io.modelseal.DevicePlatform
import io.modelseal.DeviceTraits
import io.modelseal.KeyLostException
import io.modelseal.PlatformBusyException
import java.security.GeneralSecurityException
import java.security.KeyPairGenerator
import java.security.PrivateKey
import java.security.ProviderException
import java.security.Signature
import java.security.cert.Certificate
import java.security.spec.ECGenParameterSpec
import java.util.Base64
import java.util.UUID
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put

/**
 * Google Play Integrity, behind one call: its library is on Google's repository. Standard requests:
 * `StandardIntegrityManager.StandardIntegrityTokenProvider.request` with this request hash.
 */
public fun interface IntegrityTokens {
    /** A token whose request hash is this text. Throws PlatformBusyException where a later try may work. */
    public suspend fun request(requestHash: String): String
}

/** This phone: keys in its Keystore with an attestation of their own, and Play Integrity where it is given. */
public class KeystorePlatform(
    context: Context,
    /** Dotted numbers; the app's own version name where null. */
    appVersion: String? = null,
    private val integrity: IntegrityTokens? = null,
) : DevicePlatform {
    override val platform: String = "android"
    override val appId: String = context.packageName
    override val appVersion: String =
        appVersion ?: context.packageManager.getPackageInfo(context.packageName, 0).versionName ?: "0"

    override val traits: DeviceTraits = traitsOf(context)

    override suspend fun createAttestedKey(clientDataHash: ByteArray): AttestedKey = withContext(Dispatchers.IO) {
        val alias = "modelseal.${UUID.randomUUID()}"
        try {
            val chain = attestedChain(alias, clientDataHash)
            val token = integrity?.request(encode(clientDataHash))
            val attestation = buildJsonObject {
                put("format", "android-key")
                put("x5c", JsonArray(chain.map { JsonPrimitive(encode(it.encoded)) }))
                if (token != null) put("integrityToken", token)
            }
            AttestedKey(alias, attestation)
        } catch (failure: Exception) {
            // The next try makes a key of its own.
            runCatching { keystore().deleteEntry(alias) }
            throw failure
        }
    }

    override suspend fun prove(keyHandle: String, clientDataHash: ByteArray): JsonObject = withContext(Dispatchers.IO) {
        val signature = unlessBusy {
            val key = storedKey(keyHandle) as PrivateKey? ?: throw KeyLostException()
            Signature.getInstance("SHA256withECDSA").run {
                initSign(key)
                update(clientDataHash)
                sign()
            }
        }
        buildJsonObject {
            put("format", "android-key")
            put("signature", encode(signature))
        }
    }

    private fun attestedChain(alias: String, challenge: ByteArray): Array<Certificate> = unlessBusy {
        val spec = KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_SIGN)
            .setAlgorithmParameterSpec(ECGenParameterSpec("secp256r1"))
            .setDigests(KeyProperties.DIGEST_SHA256)
            .setAttestationChallenge(challenge)
        inHardware(spec) {
            KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_EC, KEYSTORE).apply { initialize(it) }.generateKeyPair()
        }
        keystore().getCertificateChain(alias) ?: throw KeyLostException()
    }

    /** The Keystore fails in many ways that pass: out of attestation keys, its daemon restarting, the phone locked. */
    private inline fun <T> unlessBusy(work: () -> T): T = try {
        work()
    } catch (cause: KeyPermanentlyInvalidatedException) {
        throw KeyLostException(cause)
    } catch (cause: GeneralSecurityException) {
        throw PlatformBusyException(cause)
    } catch (cause: ProviderException) {
        throw PlatformBusyException(cause)
    }

    private fun encode(bytes: ByteArray): String = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes)
}
