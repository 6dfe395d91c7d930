package io.modelseal

import io.modelseal.SealException.Reason
import io.modelseal.protocol.toBase64url
import io.modelseal.protocol.verifyLicence
import io.modelseal.protocol.verifyManifest
import java.math.BigInteger
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test

/** R28 and R29: what an app does with the keys that it pins, while those of the service change. */
class PinnedKeysTest {
    private val keys = (1..3).flatMap { n -> listOf("manifest.$n", "licence.$n") }.associateWith { keyPair() }
    private val pins = listOf(1, 2).flatMap { n -> listOf(pin("manifest.$n"), pin("licence.$n")) }

    @Test
    fun `R28 an app works throughout a rotation to the version that it knows as announced`() {
        for (version in listOf(1, 2)) {
            assertEquals("smile", verifyManifest(manifest(version), pins).model)
            assertEquals("g_1", verifyLicence(licence(version), pins).grantId)
        }
    }

    @Test
    fun `R28 it takes nothing of a version that it does not know, or no more`() {
        assertReason(Reason.SIGNER_UNTRUSTED) { verifyManifest(manifest(3), pins) }
        assertReason(Reason.SIGNER_UNTRUSTED) { verifyLicence(licence(3), pins) }
        val without = pins.filter { !it.kid.endsWith(".1") }
        assertReason(Reason.SIGNER_UNTRUSTED) { verifyManifest(manifest(1), without) }
        assertReason(Reason.SIGNER_UNTRUSTED) { verifyLicence(licence(1), without) }
    }

    @Test
    fun `R28 it takes nothing that another key signed under a name that it knows`() {
        assertReason(Reason.SIGNATURE_INVALID) { verifyManifest(manifest(2, keys.getValue("manifest.3")), pins) }
    }

    @Test
    fun `R29 what is no set of pins is refused at once`() {
        val none = listOf(
            pins + pins,
            pins.filter { it.kid.startsWith("manifest.") },
            pins.filter { it.kid.startsWith("licence.") },
            emptyList(),
            pins + VerificationKey("x.1", x(keys.getValue("licence.1")), y(keys.getValue("licence.1"))),
        )
        for (wrong in none) assertThrows(IllegalArgumentException::class.java) { requirePins(wrong) }
        assertEquals(pins, requirePins(pins))
    }

    private fun manifest(version: Int, by: KeyPair = keys.getValue("manifest.$version")) = jws(
        by,
        """{"alg":"ES256","typ":"modelseal-manifest+jwt","kid":"manifest.$version"}""",
        """{"v":1,"model":"smile","version":"1","format":"opaque","sizeBytes":1,"sha256":"$DIGEST","layers":[],""" +
            """"publishedAt":0,"policy":{"licenceSeconds":600,"offlineGraceSeconds":0,"tracing":"off"}}""",
    )

    private fun licence(version: Int): String {
        val delegate = keyPair()
        val certificate = jws(
            keys.getValue("licence.$version"),
            """{"alg":"ES256","typ":"modelseal-delegate+jwt","kid":"licence.$version"}""",
            """{"jwk":{"kty":"EC","crv":"P-256","x":"${x(delegate)}","y":"${y(delegate)}"},""" +
                """"nbf":0,"exp":3600,"licencesUntil":9000}""",
        )
        return jws(
            delegate,
            """{"alg":"ES256","typ":"modelseal-licence+jwt","delegate":"$certificate"}""",
            """{"v":1,"grantId":"g_1","userId":"p1_u","deviceId":"d_1","model":"smile","version":"1",""" +
                """"manifestDigest":"$DIGEST","sha256":"$DIGEST","iat":60,"nbf":0,"exp":660,"offlineGraceSeconds":0}""",
        )
    }

    private fun pin(kid: String) = keys.getValue(kid).let { VerificationKey(kid, x(it), y(it)) }

    private fun assertReason(reason: Reason, work: () -> Any) =
        assertEquals(reason, assertThrows(SealException::class.java) { work() }.reason)

    private companion object {
        val DIGEST = ByteArray(32).toBase64url()

        fun keyPair(): KeyPair =
            KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()

        fun x(pair: KeyPair) = coordinate((pair.public as ECPublicKey).w.affineX)

        fun y(pair: KeyPair) = coordinate((pair.public as ECPublicKey).w.affineY)

        /** 32 bytes, whatever the sign and the leading zeroes. */
        fun coordinate(value: BigInteger): String = value.toByteArray().let { bytes ->
            (ByteArray(32) + bytes).takeLast(32).toByteArray().toBase64url()
        }

        fun jws(by: KeyPair, header: String, payload: String): String {
            val input = "${header.toByteArray().toBase64url()}.${payload.toByteArray().toBase64url()}"
            val signature = Signature.getInstance("SHA256withECDSAinP1363Format").run {
                initSign(by.private)
                update(input.toByteArray())
                sign()
            }
            return "$input.${signature.toBase64url()}"
        }
    }
}
