package io.modelseal.android

import io.modelseal.RecipientKeys
import io.modelseal.SealException
import java.security.ProviderException
import kotlinx.coroutines.runBlocking
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config

/** The ephemeral key of a grant: PURPOSE_AGREE_KEY is there from Android 12 on. */
@RunWith(RobolectricTestRunner::class)
class KeystoreRecipientKeyTest {
    private val keystore = FakeKeystore()

    @After
    fun remove() = keystore.remove()

    @Test
    @Config(sdk = [28])
    fun `before Android 12 the key is in memory`() = runBlocking {
        assertEquals(65, keystoreRecipientKey().publicKey.size)
        assertEquals(emptySet<String>(), keystore.held.keys)
    }

    @Test
    @Config(sdk = [31, 35])
    fun `from Android 12 on it is in the Keystore, and gone after the grant`() = runBlocking {
        val key = keystoreRecipientKey()
        assertTrue(FakeKeystore.isForAgreement(keystore.held.values.single().spec))
        val other = RecipientKeys.software().publicKey
        // The agreement is made; that nobody sealed anything for it shows afterwards.
        val refused = assertThrows(SealException::class.java) { runBlocking { key.open(other, ByteArray(48), ByteArray(0), ByteArray(0)) } }
        assertEquals("key-refused", refused.code)
        key.destroy()
        assertEquals(emptySet<String>(), keystore.held.keys)
    }

    @Test
    @Config(sdk = [31, 35])
    fun `hardware that knows no such purpose leaves it in memory`() = runBlocking {
        keystore.generating = { spec -> ProviderException("UNSUPPORTED_PURPOSE").takeIf { FakeKeystore.isForAgreement(spec) } }
        assertEquals(65, keystoreRecipientKey().publicKey.size)
        assertEquals(emptySet<String>(), keystore.held.keys)
    }

    @Test
    @Config(sdk = [31, 35])
    fun `R26 hardware that fails in the agreement is key-unavailable`() = runBlocking {
        val key = keystoreRecipientKey()
        keystore.condition = Condition.SILENT
        val other = RecipientKeys.software().publicKey
        val failure = assertThrows(SealException::class.java) { runBlocking { key.open(other, ByteArray(48), ByteArray(0), ByteArray(0)) } }
        assertEquals("key-unavailable", failure.code)
    }

    @Test
    @Config(sdk = [31, 35])
    fun `keys of grants that were killed are swept a day later`() = runBlocking {
        keystoreRecipientKey()
        keystore.held.values.single().createdAt -= 25 * 60 * 60_000L
        val abandoned = keystore.held.keys.single()
        keystoreRecipientKey()
        keystoreRecipientKey()
        assertEquals(2, keystore.held.size)
        assertTrue(abandoned !in keystore.held)
    }
}
