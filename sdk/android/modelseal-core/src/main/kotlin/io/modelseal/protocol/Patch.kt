package io.modelseal.protocol

import io.modelseal.SealException
import io.modelseal.SealException.Reason

/** A run of a chunk that comes from the base of a patch: where in the chunk, and where in the base. */
internal data class Copy(val at: Int, val from: Long, val length: Int)

/** What a recipe copies, ascending in chunk and base, and where the next recipe begins in the base. */
internal class Recipe(val copies: List<Copy>, val position: Long)

/** Patches of a copy that lies on the device: docs/mobile/protocol.md section 5. */
internal object Patch {
    const val BASE_DIGEST_BYTES = 32

    /** No recipe is longer than its chunk by more than this. */
    private const val RECIPE_OVERHEAD_BYTES = 16
    private const val FLAGS_AT = 11
    private const val PATCH = 2
    private const val MAX_DIGITS = 8
    private const val MAX_NUMBER = (1L shl 53) - 1

    /** Reads exactly one header. Throws `base-mismatch` unless it is for the base of that SHA-256, and what is malformed. */
    fun header(bytes: ByteArray, base: ByteArray): ContainerHeader {
        val container = bytes.copyOf(bytes.size - BASE_DIGEST_BYTES)
        if (container[FLAGS_AT].toInt() and PATCH == 0) throw SealException(Reason.CONTAINER_MALFORMED, "not a patch")
        container[FLAGS_AT] = (container[FLAGS_AT].toInt() and PATCH.inv()).toByte()
        val header = ContainerHeader.decode(container)
        if (!bytes.copyOfRange(container.size, bytes.size).contentEquals(base)) throw SealException(Reason.BASE_MISMATCH)
        return header
    }

    /** How long the recipe is in a cell that begins with these 16 bytes; null where none of such a chunk is. */
    fun recipeBytes(head: ByteArray, chunkBytes: Int): Int? {
        val length = (12..15).fold(0L) { sum, at -> sum or ((head[at].toLong() and 0xff) shl (8 * (at - 12))) }
        return if (length in 1..chunkBytes + RECIPE_OVERHEAD_BYTES) length.toInt() else null
    }

    /**
     * Puts what is inserted into `chunk` and tells what is to be copied, from `position` in a base of
     * `baseBytes` on. Throws `patch-malformed` unless the steps make exactly the chunk from that base.
     */
    fun readRecipe(recipe: ByteArray, chunk: ByteArray, position: Long, baseBytes: Long): Recipe {
        val copies = mutableListOf<Copy>()
        var read = 0
        var at = 0L
        var from = position

        fun number(): Long {
            var value = 0L
            for (digit in 0 until MAX_DIGITS) {
                if (read == recipe.size) throw malformed("ends within a step")
                val byte = recipe[read++].toLong()
                value = value or ((byte and 0x7f) shl (7 * digit))
                if (byte >= 0) return if (value <= MAX_NUMBER) value else throw malformed("a number that is too large")
            }
            throw malformed("a number that is too large")
        }
        while (read < recipe.size) {
            from += number()
            val length = number()
            val insert = number()
            if (length + insert == 0L) throw malformed("a step that makes nothing")
            if (at + length + insert > chunk.size) throw malformed("more than its chunk")
            if (from + length > baseBytes) throw malformed("bytes behind the base")
            if (length > 0) copies += Copy(at.toInt(), from, length.toInt())
            at += length
            from += length
            if (read + insert > recipe.size) throw malformed("ends within a step")
            recipe.copyInto(chunk, at.toInt(), read, read + insert.toInt())
            at += insert
            read += insert.toInt()
        }
        if (at != chunk.size.toLong()) throw malformed("less than its chunk")
        return Recipe(copies, from)
    }

    private fun malformed(detail: String) = SealException(Reason.PATCH_MALFORMED, detail)
}
