package io.modelseal.protocol

import io.modelseal.RecipientKey
import io.modelseal.SealException
import io.modelseal.VerificationKey
import java.io.File
import java.math.BigInteger
import java.nio.ByteBuffer
import java.security.KeyFactory
import java.security.PrivateKey
import java.security.Security
import java.security.spec.ECPrivateKeySpec
import javax.crypto.Cipher
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import org.conscrypt.Conscrypt
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedClass
import org.junit.jupiter.params.provider.ValueSource

/**
 * test/vectors/sealing.json, which the TypeScript code makes and stock Themis, hpke-js and jose open: by a
 * desktop's provider of JCA, and by Android's.
 */
@ParameterizedClass
@ValueSource(strings = ["SunJCE", "Conscrypt"])
class VectorsTest(private val provider: String) {
    private val vectors = parseJson(File("../../../test/vectors/sealing.json").readBytes()) as JsonObject
    private val pinned = vectors.list("pinnedKeys").map { entry ->
        val jwk = (entry as JsonObject).inner("jwk")
        VerificationKey(entry.text("kid")!!, jwk.text("x")!!, jwk.text("y")!!)
    }
    private val grant = vectors.list("grants").map { it as JsonObject }.single { it.text("suite") == P256_SUITE }
    private val model = vectors.hex("model")

    @BeforeEach
    fun prefer() {
        if (provider == "Conscrypt") Security.insertProviderAt(Conscrypt.newProvider(), 1)
        assertEquals(provider, Cipher.getInstance("AES/GCM/NoPadding").provider.name)
    }

    @AfterEach
    fun restore() = Security.removeProvider("Conscrypt")

    @Test
    fun `cells are Themis's`() {
        val cells = vectors.inner("cells")
        val (key, context, plain) = listOf("key", "context", "plaintext").map(cells::hex)
        assertArrayEquals(plain, SecureCell.open(key, context, cells.hex("sealed")))
        assertArrayEquals(plain, SecureCell.open(key, context, SecureCell.seal(key, context, plain)))
        val imprinted = plain.copyOf()
        val cellKey = SecureCell.imprintCellKey(key, plain.size.toLong())
        SecureCell.imprint(cellKey, SecureCell.imprintCounter(cellKey, context), 0, imprinted, 0, plain.size, into = ByteBuffer.wrap(imprinted))
        assertArrayEquals(cells.hex("imprinted"), imprinted)
    }

    @Test
    fun `no changed cell opens`() {
        val cells = vectors.inner("cells")
        val sealed = cells.hex("sealed")
        for (bit in 0 until sealed.size * 8) {
            val changed = sealed.copyOf().also { it[bit / 8] = (it[bit / 8].toInt() xor (1 shl bit % 8)).toByte() }
            assertNull(SecureCell.open(cells.hex("key"), cells.hex("context"), changed), "bit $bit")
        }
    }

    @Test
    fun `the key schedule`() {
        for (row in vectors.list("keySchedule").map { it as JsonObject }) {
            val keys = ContainerKeys.derive(row.hex("root"), Purpose.valueOf(row.text("purpose")!!.uppercase()))
            assertArrayEquals(row.hex("fileKey"), keys.fileKey)
            assertArrayEquals(row.hex("weightsKey"), keys.weightsKey)
        }
    }

    @Test
    fun `manifest and licence`() {
        val manifest = verifyManifest(vectors.text("manifest")!!, pinned)
        assertEquals("example" to model.size.toLong(), manifest.model to manifest.sizeBytes)
        val licence = verifyLicence(vectors.text("licence")!!, pinned)
        assertEquals(tokenDigest(vectors.text("manifest")!!).toBase64url(), licence.manifestDigest)
        assertEquals("g_example", licence.grantId)
    }

    @Test
    fun `no changed token is believed`() {
        for (name in listOf("manifest", "licence")) {
            val token = vectors.text(name)!!
            val verify: (String) -> Any =
                if (name == "manifest") ({ verifyManifest(it, pinned) }) else ({ verifyLicence(it, pinned) })
            for (at in token.indices step 5) {
                val other = if (token[at] == 'A') 'B' else 'A'
                val changed = token.replaceRange(at, at + 1, other.toString())
                assertThrows(SealException::class.java, { verify(changed) }, "$name at $at")
            }
        }
    }

    @Test
    fun `the content key`() = runBlocking {
        val key = recipientKey().open(grant.hex("enc"), grant.hex("ct"), grant.hex("info"), grant.hex("aad"))
        assertArrayEquals(grant.hex("contentKey"), key)
        val licence = verifyLicence(vectors.text("licence")!!, pinned)
        assertArrayEquals(grant.hex("info"), grantInfo(P256_SUITE, licence, tokenDigest(vectors.text("manifest")!!)))
        assertArrayEquals(grant.hex("aad"), tokenDigest(vectors.text("licence")!!))
        val refused = runCatching { recipientKey().open(grant.hex("enc"), grant.hex("ct"), grant.hex("info"), ByteArray(0)) }
        assertEquals("key-refused", (refused.exceptionOrNull() as SealException).code)
    }

    @Test
    fun `the delivered container and the vault's`() {
        assertArrayEquals(model, openAll(grant.hex("container"), grant.hex("contentKey"), Purpose.DELIVERY))
        val vault = vectors.inner("vault")
        assertArrayEquals(model, openAll(vault.hex("container"), vault.hex("dataKey"), Purpose.VAULT))
    }

    private fun openAll(container: ByteArray, root: ByteArray, purpose: Purpose): ByteArray {
        val headerBytes = container.copyOf(ContainerHeader.announcedBytes(container))
        val header = ContainerHeader.decode(headerBytes)
        assertArrayEquals(headerBytes, header.encode())
        assertEquals(container.size.toLong(), header.containerBytes)
        val keys = ContainerKeys.derive(root, purpose)
        val layers = LayerCipher(keys.weightsKey, header.layers).takeIf { header.imprinted }
        val hash = sha256(headerBytes)
        return (0 until header.chunkCount).map { index ->
            val place = header.chunk(index)
            val cell = container.copyOfRange(place.start.toInt(), place.start.toInt() + place.cellBytes)
            val plain = SecureCell.open(keys.fileKey, header.chunkContext(hash, index), cell)!!
            layers?.apply(plain, place.offset)
            plain
        }.reduce(ByteArray::plus)
    }

    private fun recipientKey(): RecipientKey {
        val spec = ECPrivateKeySpec(BigInteger(1, grant.hex("recipientPrivateKey")), P256.parameters)
        val privateKey: PrivateKey = KeyFactory.getInstance("EC").generatePrivate(spec)
        return p256RecipientKey(P256.publicKey(grant.hex("recipientPublicKey"))!!, privateKey)
    }
}

internal fun JsonObject.hex(name: String): ByteArray =
    text(name)!!.chunked(2).map { it.toInt(16).toByte() }.toByteArray()

internal fun JsonArray.texts(): List<String> = map { (it as JsonPrimitive).content }
