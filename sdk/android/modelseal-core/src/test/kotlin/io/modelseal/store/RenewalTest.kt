package io.modelseal.store

import io.modelseal.HardwareKey
import io.modelseal.Renewal
import io.modelseal.SealException
import io.modelseal.VerificationKey
import io.modelseal.protocol.ContainerHeader
import io.modelseal.protocol.ContainerKeys
import io.modelseal.protocol.P256
import io.modelseal.protocol.Purpose
import io.modelseal.protocol.hex
import io.modelseal.protocol.inner
import io.modelseal.protocol.list
import io.modelseal.protocol.randomBytes
import io.modelseal.protocol.text
import io.modelseal.protocol.toBase64url
import io.modelseal.protocol.tokenDigest
import io.modelseal.protocol.vectorFile
import io.modelseal.protocol.verifyManifest
import java.io.File
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonObjectBuilder
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonObject
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

private const val GRANT = "g_1"
private const val HOUR = 3600L
private const val GRANTED_AT = 1_800_000_000L
private const val NONCE = "the-nonce-of-this-call"

/** R17: what a renewal may do to the time that a device remembers; model-store.test.ts has the same in TypeScript. */
class RenewalTest {
    private val vectors = vectorFile("sealing.json")
    private val manifest = vectors.text("manifest")!!
    private val licenceKey = newKey()
    private val delegate = newKey()
    private val pinned = vectors.list("pinnedKeys").map { entry ->
        val jwk = (entry as JsonObject).inner("jwk")
        VerificationKey(entry.text("kid")!!, jwk.text("x")!!, jwk.text("y")!!)
    } + (licenceKey.public as ECPublicKey).let { VerificationKey("licence.9", x(it), y(it)) }

    @TempDir
    lateinit var folder: File
    private lateinit var store: ModelStore

    @BeforeEach
    fun install() = runBlocking {
        // As if there were hardware: who can look into it is no subject here.
        val hardware = object : HardwareKey {
            override suspend fun wrap(secret: ByteArray) = secret.copyOf()

            override suspend fun unwrap(wrapped: ByteArray) = wrapped.copyOf()
        }
        val files = CopyFiles(FileStorage(folder), "ann")
        store = ModelStore(files, hardware, pinned)
        val storageKey = randomBytes(32)
        val record = ModelRecord(manifest, licence(0, null), GRANTED_AT * 1000, "latest")
        store.write(files.record(GRANT), record, LoadedRecord(record, storageKey, storageKey))
        store.storeModel(storageKey)
    }

    @Test
    fun `R17 a renewal without the nonce of its request, or with another's, is refused and changes nothing`() = runBlocking {
        open(2 * HOUR)
        assertEquals("token-mismatch", renew(licence(HOUR, null)))
        assertEquals("token-mismatch", renew(licence(HOUR, "the-nonce-of-last-time")))
        assertEquals("clock-rolled-back", open(HOUR))
        assertEquals("done", renew(licence(HOUR, NONCE)))
        assertEquals("done", open(HOUR))
    }

    @Test
    fun `R17 hoarded renewals do not make time pass as their owner likes`() = runBlocking {
        val hoard = (1L..3).map { licence(it * 12 * HOUR, "hoarded-renewal-no-$it--") }
        open(23 * HOUR)
        for (token in hoard) assertEquals("token-mismatch", renew(token))
        assertEquals("clock-rolled-back", open(12 * HOUR))
        assertEquals("licence-expired", open(26 * HOUR))
    }

    @Test
    fun `R17 the licence that is here, played back, brings no time`() = runBlocking {
        assertEquals("token-mismatch", renew(store.licenceToken()))
        val renewed = licence(HOUR, NONCE)
        assertEquals("done", renew(renewed))
        open(10 * HOUR)
        assertEquals("done", renew(renewed))
        assertEquals("clock-rolled-back", open(HOUR))
        assertEquals("done", open(10 * HOUR))
    }

    private suspend fun ModelStore.licenceToken(): String = load(files.record(GRANT)).use { it.record.licence }

    private suspend fun renew(token: String): String = codeOf { store.renew(GRANT, Renewal(token, "", NONCE)) }

    private suspend fun open(seconds: Long): String =
        codeOf { store.open(GRANT, (GRANTED_AT + seconds) * 1000) {}.close() }

    private suspend fun codeOf(attempt: suspend () -> Unit): String = try {
        attempt()
        "done"
    } catch (refused: SealException) {
        refused.code
    }

    /** A licence of a day and an hour's grace, issued so many seconds after the grant. */
    private fun licence(after: Long, nonce: String?): String {
        val (of, issuedAt) = verifyManifest(manifest, pinned) to GRANTED_AT + after
        val public = delegate.public as ECPublicKey
        val certificate = sign(licenceKey, "modelseal-delegate+jwt", { put("kid", "licence.9") }) {
            putJsonObject("jwk") {
                put("kty", "EC")
                put("crv", "P-256")
                put("x", x(public))
                put("y", y(public))
            }
            put("nbf", issuedAt)
            put("exp", issuedAt + HOUR)
            put("licencesUntil", issuedAt + 30 * HOUR)
        }
        return sign(delegate, "modelseal-licence+jwt", { put("delegate", certificate) }) {
            put("v", 1)
            put("grantId", GRANT)
            put("userId", "u_1")
            put("deviceId", "d_1")
            put("model", of.model)
            put("version", of.version)
            put("manifestDigest", tokenDigest(manifest).toBase64url())
            put("sha256", of.sha256)
            put("iat", issuedAt)
            put("nbf", issuedAt)
            put("exp", issuedAt + 24 * HOUR)
            put("offlineGraceSeconds", HOUR)
            if (nonce != null) put("nonce", nonce)
        }
    }

    /** The model of the vectors, stored under this key. */
    private suspend fun ModelStore.storeModel(storageKey: ByteArray) {
        val model = vectors.hex("model")
        val header = ContainerHeader(false, model.size, model.size.toLong(), emptyList())
        files.storage.storeModel(files.model(GRANT), header, ContainerKeys.derive(storageKey, Purpose.STORAGE)) { model }
    }
}

private fun newKey(): KeyPair =
    KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()

private fun x(key: ECPublicKey): String = P256.uncompressed(key).copyOfRange(1, 33).toBase64url()

private fun y(key: ECPublicKey): String = P256.uncompressed(key).copyOfRange(33, 65).toBase64url()

private fun sign(
    key: KeyPair,
    typ: String,
    header: JsonObjectBuilder.() -> Unit,
    payload: JsonObjectBuilder.() -> Unit,
): String {
    fun part(members: JsonObjectBuilder.() -> Unit) = buildJsonObject(members).toString().toByteArray().toBase64url()
    val input = part {
        put("alg", "ES256")
        put("typ", typ)
        header()
    } + "." + part(payload)
    val signature = Signature.getInstance("SHA256withECDSAinP1363Format").run {
        initSign(key.private)
        update(input.toByteArray())
        sign()
    }
    return "$input.${signature.toBase64url()}"
}
