package io.modelseal.protocol

/** Where a container lies. Each has its own keys, so that no container passes for another's. */
internal enum class Purpose { VAULT, DELIVERY, STORAGE }

internal class ContainerKeys(
    /** Seals the chunks of the file. */
    val fileKey: ByteArray,
    /** Imprints the weight layers inside. */
    val weightsKey: ByteArray,
) {
    fun wipe() {
        fileKey.wipe()
        weightsKey.wipe()
    }

    fun copy(): ContainerKeys = ContainerKeys(fileKey.copyOf(), weightsKey.copyOf())

    companion object {
        /** Both keys of a container whose one random key is `root`. */
        fun derive(root: ByteArray, purpose: Purpose): ContainerKeys {
            val name = purpose.name.lowercase()
            return ContainerKeys(deriveKey(root, "$name file"), deriveKey(root, "$name weights"))
        }
    }
}

/** One key of 32 bytes for one use: HKDF-SHA-256 (RFC 5869) with an empty salt and the info `modelseal/1 <use>`. */
internal fun deriveKey(root: ByteArray, use: String): ByteArray {
    val prk = hmacSha256(ByteArray(32), root)
    // One block of HKDF-Expand is all that a 32-byte key takes.
    return hmacSha256(prk, "modelseal/1 $use".toByteArray(), byteArrayOf(1)).also { prk.wipe() }
}
