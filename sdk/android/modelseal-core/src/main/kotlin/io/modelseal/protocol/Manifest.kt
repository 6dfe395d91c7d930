package io.modelseal.protocol

import io.modelseal.Layer
import io.modelseal.Manifest
import io.modelseal.VerificationKey
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

private val TRACING = setOf("off", "light", "standard", "resistant")

/**
 * The manifest that a pinned publisher's key signed (docs/mobile/protocol.md section 8). Throws
 * `token-malformed`, `signer-untrusted` or `signature-invalid`.
 */
internal fun verifyManifest(token: String, keys: List<VerificationKey>): Manifest {
    val parsed = parseJws(token, "modelseal-manifest+jwt", setOf("kid"))
    parsed.requireSignature(parsed.pinnedKey("manifest", keys))
    val payload = parsed.payload
    if (payload.wholeOrNull("v") != 1L) throw malformed("v")
    val policy = payload.inner("policy")
    val tracing = if ("tracing" in policy) policy.text("tracing") else "off"
    if (tracing !in TRACING) throw malformed("tracing")
    val sizeBytes = payload.whole("sizeBytes", 1..(1L shl 53) - 1)
    val layers = payload.list("layers").map(::readLayer)
    if (!ContainerHeader.areSound(layers.map(Layer::place), sizeBytes)) throw malformed("layers")
    policy.whole("licenceSeconds", 60..Int.MAX_VALUE.toLong())
    policy.whole("offlineGraceSeconds", 0..Int.MAX_VALUE.toLong())
    return Manifest(
        model = payload.identifier("model"),
        version = payload.identifier("version"),
        format = payload.identifier("format"),
        sizeBytes = sizeBytes,
        sha256 = payload.digest("sha256").toBase64url(),
        layers = layers,
        publishedAt = payload.date("publishedAt"),
        isMarked = tracing != "off",
    )
}

private fun readLayer(element: kotlinx.serialization.json.JsonElement): Layer {
    val layer = element as? JsonObject ?: throw malformed("layer")
    val shape = (layer["shape"] as? JsonArray)?.map {
        (it as? JsonPrimitive)?.content?.toLongOrNull() ?: throw malformed("shape")
    }
    return Layer(
        index = layer.whole("index"),
        offset = layer.whole("offset"),
        length = layer.whole("length"),
        name = layer.text("name"),
        dtype = layer.text("dtype"),
        shape = shape,
    )
}

internal fun Layer.place() = WeightLayer(index, offset, length)
