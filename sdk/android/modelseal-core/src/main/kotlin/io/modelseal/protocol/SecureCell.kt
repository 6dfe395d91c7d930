package io.modelseal.protocol

import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * Secure Cells of Cossack Labs' Themis, byte for byte
 * (https://docs.cossacklabs.com/themis/spec/secure-cell/): stock Themis opens them.
 */
internal object SecureCell {
    /** A sealed cell is this much longer than what it holds. */
    const val OVERHEAD_BYTES = 44
    private const val ALGORITHM = 0x40010100 // AES-256-GCM, key derived by the Soter KDF
    private val KEY_LABEL = kdfLabel("Themis secure cell message key")
    private val IV_LABEL = kdfLabel("Themis secure cell message iv")

    private fun kdfLabel(label: String) = byteArrayOf(0, 0, 0, 1) + label.toByteArray() + 0

    /** Seals `length` bytes at `from` of `plain`: the whole cell. */
    fun seal(key: ByteArray, context: ByteArray, plain: ByteArray, from: Int = 0, length: Int = plain.size): ByteArray {
        val cellKey = hmacSha256(key, KEY_LABEL, u32le(length.toLong()), context)
        val iv = randomBytes(IV_BYTES)
        val sealed = gcmSeal(cellKey, iv, context, plain, from, length)
        cellKey.wipe()
        return ByteBuffer.allocate(OVERHEAD_BYTES + length).order(ByteOrder.LITTLE_ENDIAN)
            .putInt(ALGORITHM).putInt(IV_BYTES).putInt(TAG_BYTES).putInt(length)
            .put(iv).put(sealed, length, TAG_BYTES).put(sealed, 0, length).array()
    }

    /**
     * Opens the cell in the first `size` bytes of `cell`, in its place: what it holds lies behind the first
     * [OVERHEAD_BYTES] then. `cell` has 16 more bytes, which are written over: ciphers want the tag at the end.
     * False where it was not sealed under this key and context; `cell` is of no use then.
     */
    fun openInPlace(key: ByteArray, context: ByteArray, cell: ByteArray, size: Int): Boolean {
        val length = size - OVERHEAD_BYTES
        if (length < 1) return false
        val head = ByteBuffer.wrap(cell).order(ByteOrder.LITTLE_ENDIAN)
        val sound = head.getInt(0) == ALGORITHM && head.getInt(4) == IV_BYTES &&
            head.getInt(8) == TAG_BYTES && head.getInt(12) == length
        if (!sound) return false
        val cellKey = hmacSha256(key, KEY_LABEL, u32le(length.toLong()), context)
        val iv = cell.copyOfRange(16, 28)
        cell.copyInto(cell, size, 28, OVERHEAD_BYTES)
        val opened = gcmOpenInPlace(cellKey, iv, context, cell, OVERHEAD_BYTES, length + TAG_BYTES)
        cellKey.wipe()
        return opened
    }

    /** What such a cell holds, in an array of its own; null where [openInPlace] gives false. */
    fun openInRoom(key: ByteArray, context: ByteArray, cell: ByteArray, size: Int): ByteArray? {
        if (!openInPlace(key, context, cell, size)) return null
        return cell.copyOfRange(OVERHEAD_BYTES, size).also { cell.wipe() }
    }

    fun open(key: ByteArray, context: ByteArray, cell: ByteArray): ByteArray? =
        openInRoom(key, context, cell.copyOf(cell.size + TAG_BYTES), cell.size)

    /** Context Imprint: the AES key of all messages of `length` bytes. */
    fun imprintCellKey(key: ByteArray, length: Long): ByteArray = hmacSha256(key, KEY_LABEL, u32le(length))

    /** Context Imprint: the first counter block. */
    fun imprintCounter(cellKey: ByteArray, context: ByteArray): ByteArray =
        hmacSha256(cellKey, IV_LABEL, context).copyOf(16)

    /**
     * Encrypts, or decrypts, in place, a part of a Context Imprint message that lies `position` bytes
     * into it. The mode neither grows nor authenticates what it encrypts.
     */
    fun imprint(cellKey: ByteArray, counter: ByteArray, position: Long, bytes: ByteArray, from: Int, length: Int) {
        ctrInPlace(cellKey, advance(counter, position / 16), (position % 16).toInt(), bytes, from, length)
    }

    /** The 128-bit big-endian counter, `blocks` further on. */
    private fun advance(counter: ByteArray, blocks: Long): ByteArray {
        val next = counter.copyOf()
        var carry = blocks
        for (i in 15 downTo 0) {
            if (carry == 0L) break
            carry += next[i].toLong() and 0xff
            next[i] = carry.toByte()
            carry = carry shr 8
        }
        return next
    }
}
