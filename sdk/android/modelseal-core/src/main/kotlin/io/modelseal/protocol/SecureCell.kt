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

    /** What arrays have behind a cell, or behind what it holds, so that it is opened without a copy. */
    const val ROOM_BYTES = TAG_BYTES
    private const val ALGORITHM = 0x40010100 // AES-256-GCM, key derived by the Soter KDF
    private val KEY_LABEL = kdfLabel("Themis secure cell message key")
    private val IV_LABEL = kdfLabel("Themis secure cell message iv")

    private fun kdfLabel(label: String) = byteArrayOf(0, 0, 0, 1) + label.toByteArray() + 0

    /** Seals the first `length` bytes of `plain`: the whole cell. */
    fun seal(key: ByteArray, context: ByteArray, plain: ByteArray, length: Int = plain.size): ByteArray {
        val cellKey = hmacSha256(key, KEY_LABEL, u32le(length.toLong()), context)
        val iv = randomBytes(IV_BYTES)
        val cell = ByteArray(OVERHEAD_BYTES + length)
        gcmSeal(cellKey, iv, context, plain, length, into = cell, at = OVERHEAD_BYTES - TAG_BYTES)
        cellKey.wipe()
        // Ciphers put the tag behind the ciphertext, and Themis before it.
        val tag = cell.copyOfRange(cell.size - TAG_BYTES, cell.size)
        cell.copyInto(cell, OVERHEAD_BYTES, OVERHEAD_BYTES - TAG_BYTES, cell.size - TAG_BYTES)
        ByteBuffer.wrap(cell).order(ByteOrder.LITTLE_ENDIAN)
            .putInt(ALGORITHM).putInt(IV_BYTES).putInt(TAG_BYTES).putInt(length).put(iv).put(tag)
        return cell
    }

    /**
     * Opens the cell in the first `size` bytes of `cell` into the beginning of `into`. Both have [ROOM_BYTES] more
     * than the cell and what it holds: ciphers want the tag at the end. False where it was not sealed under this key
     * and context; neither array is of use then.
     */
    fun open(key: ByteArray, context: ByteArray, cell: ByteArray, size: Int, into: ByteArray): Boolean {
        val length = size - OVERHEAD_BYTES
        if (length < 1) return false
        val head = ByteBuffer.wrap(cell).order(ByteOrder.LITTLE_ENDIAN)
        val sound = head.getInt(0) == ALGORITHM && head.getInt(4) == IV_BYTES &&
            head.getInt(8) == TAG_BYTES && head.getInt(12) == length
        if (!sound) return false
        val cellKey = hmacSha256(key, KEY_LABEL, u32le(length.toLong()), context)
        val iv = cell.copyOfRange(16, 28)
        cell.copyInto(cell, size, 28, OVERHEAD_BYTES)
        val opened = gcmOpen(cellKey, iv, context, cell, OVERHEAD_BYTES, length + TAG_BYTES, into)
        cellKey.wipe()
        return opened
    }

    /** What a cell holds; null where it was not sealed under this key and context. */
    fun open(key: ByteArray, context: ByteArray, cell: ByteArray): ByteArray? {
        if (cell.size <= OVERHEAD_BYTES) return null
        val plain = ByteArray(cell.size - OVERHEAD_BYTES + ROOM_BYTES)
        if (!open(key, context, cell.copyOf(cell.size + ROOM_BYTES), cell.size, plain)) return null
        return plain.copyOf(cell.size - OVERHEAD_BYTES).also { plain.wipe() }
    }

    /** Context Imprint: the AES key of all messages of `length` bytes. */
    fun imprintCellKey(key: ByteArray, length: Long): ByteArray = hmacSha256(key, KEY_LABEL, u32le(length))

    /** Context Imprint: the first counter block. */
    fun imprintCounter(cellKey: ByteArray, context: ByteArray): ByteArray =
        hmacSha256(cellKey, IV_LABEL, context).copyOf(16)

    /**
     * Encrypts, or decrypts, a part of a Context Imprint message that lies `position` bytes into it: `length`
     * of `bytes` from `at`. The mode neither grows nor authenticates what it encrypts.
     */
    fun imprint(cellKey: ByteArray, counter: ByteArray, position: Long, bytes: ByteArray, at: Int, length: Int, into: ByteBuffer) {
        ctr(cellKey, advance(counter, position / 16), (position % 16).toInt(), bytes, at, length, into)
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
