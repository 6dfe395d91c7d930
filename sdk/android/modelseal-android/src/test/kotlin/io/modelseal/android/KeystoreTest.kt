package io.modelseal.android

import android.content.Context
import android.security.keystore.KeyProperties
import io.modelseal.KeyLostException
import io.modelseal.ModelSealException
import java.security.ProviderException
import java.security.Signature
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonPrimitive
import org.junit.After
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config

private val HASH = ByteArray(32) { it.toByte() }

/** On the frameworks of Android 9, 12 and 15; docs/mobile/sdk-behaviour.md: R3, R4, R24, R26. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [28, 31, 35])
class KeystoreTest {
    private val keystore = FakeKeystore()
    private val secret = ByteArray(32) { 5 }
    private val context: Context get() = RuntimeEnvironment.getApplication()

    @After
    fun remove() = keystore.remove()

    private fun codeOf(work: suspend () -> Any?): String = try {
        "gave ${runBlocking { work() }}"
    } catch (failure: ModelSealException) {
        failure.code
    }

    @Test
    fun `a storage key is wrapped by a key that stays in StrongBox`() = runBlocking {
        val wrapped = KeystoreWrappingKey().wrap(secret)
        val entry = keystore.held.values.single()
        assertTrue(FakeKeystore.isInStrongBox(entry.spec))
        assertEquals(256 to null, entry.spec.keySize to entry.key.encoded)
        assertFalse(entry.spec.isUserAuthenticationRequired)
        assertArrayEquals(secret, KeystoreWrappingKey().unwrap(wrapped))
    }

    @Test
    fun `where StrongBox is missing or refuses, keys are made in the trusted environment`() = runBlocking {
        for (refusal in FakeKeystore.WITHOUT_STRONGBOX) {
            keystore.held.clear()
            keystore.strongBox = refusal
            KeystoreWrappingKey().run { assertArrayEquals(secret, unwrap(wrap(secret))) }
            KeystorePlatform(context, "1.0").createAttestedKey(HASH)
            assertEquals(listOf(false, false), keystore.held.values.map { FakeKeystore.isInStrongBox(it.spec) })
        }
    }

    @Test
    fun `R3 a locked phone and a Keystore that is silent lose nothing`() = runBlocking {
        val key = KeystoreWrappingKey()
        val wrapped = key.wrap(secret)
        for (condition in listOf(Condition.LOCKED, Condition.SILENT)) {
            keystore.condition = condition
            assertEquals("key-unavailable", codeOf { key.unwrap(wrapped) })
            assertEquals("key-unavailable", codeOf { key.wrap(secret) })
        }
        keystore.condition = Condition.USABLE
        assertArrayEquals(secret, key.unwrap(wrapped))
    }

    @Test
    fun `R4 what is lost for good is told as lost, and the next wrapping makes a new key`() = runBlocking {
        val key = KeystoreWrappingKey()
        val wrapped = key.wrap(secret)
        assertEquals("storage-corrupt", codeOf { key.unwrap(wrapped.copyOf(8)) })
        assertEquals("storage-corrupt", codeOf { key.unwrap(wrapped.copyOf().also { it[20] = (it[20] + 1).toByte() }) })
        keystore.condition = Condition.INVALIDATED
        assertEquals("storage-corrupt", codeOf { key.unwrap(wrapped) })
        val anew = key.wrap(secret)
        assertArrayEquals(secret, key.unwrap(anew))
        assertEquals("storage-corrupt", codeOf { key.unwrap(wrapped) })
        keystore.held.clear()
        assertEquals("storage-corrupt", codeOf { key.unwrap(anew) })
    }

    @Test
    fun `an attested key carries the hash as its challenge, and proves by it`() = runBlocking {
        val asked = mutableListOf<String>()
        val platform = KeystorePlatform(context, "2.1", integrity = { hash -> asked += hash; "token" })
        val made = platform.createAttestedKey(HASH)
        val entry = keystore.held.getValue(made.keyHandle)
        assertArrayEquals(HASH, entry.spec.attestationChallenge)
        assertEquals(KeyProperties.PURPOSE_SIGN, entry.spec.purposes)
        assertEquals(listOf("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"), asked)
        assertEquals(2, (made.attestation.getValue("x5c") as JsonArray).size)
        assertEquals(JsonPrimitive("token"), made.attestation["integrityToken"])
        assertEquals("android" to context.packageName, platform.platform to platform.appId)

        val proof = platform.prove(made.keyHandle, HASH).getValue("signature") as JsonPrimitive
        val verifier = Signature.getInstance("SHA256withECDSA").apply { initVerify(entry.publicKey) }
        verifier.update(HASH)
        assertTrue(verifier.verify(java.util.Base64.getUrlDecoder().decode(proof.content)))
    }

    @Test
    fun `R24 a lost key is told as lost, and a busy Keystore as busy`() = runBlocking {
        val platform = KeystorePlatform(context, "1.0")
        val handle = platform.createAttestedKey(HASH).keyHandle
        for (condition in listOf(Condition.LOCKED, Condition.SILENT)) {
            keystore.condition = condition
            assertEquals("platform-busy", codeOf { platform.prove(handle, HASH) })
        }
        keystore.condition = Condition.INVALIDATED
        assertEquals("key-lost", codeOf { platform.prove(handle, HASH) })
        keystore.condition = Condition.USABLE
        assertEquals("key-lost", codeOf { platform.prove("modelseal.other", HASH) })
        keystore.generating = { ProviderException("OUT_OF_KEYS") }
        keystore.strongBox = { ProviderException("OUT_OF_KEYS") }
        assertEquals("platform-busy", codeOf { platform.createAttestedKey(HASH) })
    }

    @Test
    fun `a key whose attestation fails on the way is not kept`() {
        val platform = KeystorePlatform(context, "1.0", integrity = { throw KeyLostException() })
        assertEquals("key-lost", codeOf { platform.createAttestedKey(HASH) })
        assertEquals(emptySet<String>(), keystore.held.keys)
    }
}
