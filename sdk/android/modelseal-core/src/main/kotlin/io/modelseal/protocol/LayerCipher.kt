package io.modelseal.protocol

import java.nio.ByteBuffer

/**
 * Encrypts the weight layers inside a model file, or decrypts them, which is the same: each as one
 * Secure Cell in Context Imprint mode, so that no byte outside the layers changes, no length does,
 * and a layer opens without the others. The layers ascend and do not overlap.
 */
internal class LayerCipher(private val weightsKey: ByteArray, private val layers: List<WeightLayer>) {
    private val cellKeys = HashMap<Long, ByteArray>()
    private var current: Pair<WeightLayer, ByteArray>? = null

    /** Changes what of the layers lies in the first `count` of `bytes`, which begin at `offset` in the file; to the same places of `into`. */
    fun apply(bytes: ByteArray, offset: Long, count: Int = bytes.size, into: ByteArray = bytes) =
        apply(bytes, offset, 0, count, ByteBuffer.wrap(into))

    /** As above, of `bytes` only the `count` from `first` on; `into` is given all of those. */
    fun apply(bytes: ByteArray, offset: Long, first: Int, count: Int, into: ByteBuffer) {
        val begin = offset + first
        val end = begin + count
        var done = first
        for (i in firstAfter(begin) until layers.size) {
            val layer = layers[i]
            if (layer.offset >= end) break
            val from = maxOf(layer.offset, begin)
            val at = (from - offset).toInt()
            val length = (minOf(layer.offset + layer.length, end) - from).toInt()
            into.put(bytes, done, at - done)
            val cellKey = cellKeys.getOrPut(layer.length) { SecureCell.imprintCellKey(weightsKey, layer.length) }
            SecureCell.imprint(cellKey, counterOf(layer, cellKey), from - layer.offset, bytes, at, length, into)
            done = at + length
        }
        into.put(bytes, done, first + count - done)
    }

    fun wipe() {
        cellKeys.values.forEach { it.wipe() }
        cellKeys.clear()
    }

    /** A layer larger than a chunk is met many times in a row: its counter is derived once. */
    private fun counterOf(layer: WeightLayer, cellKey: ByteArray): ByteArray {
        current?.let { (known, counter) -> if (known === layer) return counter }
        val context = "modelseal/1 layer ".toByteArray() + u32be(layer.index)
        return SecureCell.imprintCounter(cellKey, context).also { current = layer to it }
    }

    /** The first layer that ends behind `offset`. */
    private fun firstAfter(offset: Long): Int {
        var low = 0
        var high = layers.size
        while (low < high) {
            val middle = (low + high) ushr 1
            if (layers[middle].offset + layers[middle].length <= offset) low = middle + 1 else high = middle
        }
        return low
    }
}
