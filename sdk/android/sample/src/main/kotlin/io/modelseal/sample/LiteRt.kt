package io.modelseal.sample

import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.bytedeco.javacpp.BytePointer
import org.bytedeco.javacpp.Pointer
import org.bytedeco.tensorflowlite.TfLiteInterpreter
import org.bytedeco.tensorflowlite.TfLiteTensor
import org.bytedeco.tensorflowlite.global.tensorflowlite.TfLiteInterpreterAllocateTensors
import org.bytedeco.tensorflowlite.global.tensorflowlite.TfLiteInterpreterCreate
import org.bytedeco.tensorflowlite.global.tensorflowlite.TfLiteInterpreterDelete
import org.bytedeco.tensorflowlite.global.tensorflowlite.TfLiteInterpreterGetInputTensor
import org.bytedeco.tensorflowlite.global.tensorflowlite.TfLiteInterpreterGetInputTensorCount
import org.bytedeco.tensorflowlite.global.tensorflowlite.TfLiteInterpreterGetOutputTensor
import org.bytedeco.tensorflowlite.global.tensorflowlite.TfLiteInterpreterGetOutputTensorCount
import org.bytedeco.tensorflowlite.global.tensorflowlite.TfLiteInterpreterInvoke
import org.bytedeco.tensorflowlite.global.tensorflowlite.TfLiteInterpreterOptionsCreate
import org.bytedeco.tensorflowlite.global.tensorflowlite.TfLiteInterpreterOptionsDelete
import org.bytedeco.tensorflowlite.global.tensorflowlite.TfLiteModelCreate
import org.bytedeco.tensorflowlite.global.tensorflowlite.TfLiteModelDelete
import org.bytedeco.tensorflowlite.global.tensorflowlite.TfLiteTensorByteSize
import org.bytedeco.tensorflowlite.global.tensorflowlite.TfLiteTensorCopyFromBuffer
import org.bytedeco.tensorflowlite.global.tensorflowlite.TfLiteTensorCopyToBuffer

/**
 * Runs a model of 32-bit floats once, on an input that is the same each time. The interpreter reads the
 * model where it lies, so that it is made and gone while the buffer is there. Throws IllegalStateException.
 */
internal fun runOnce(buffer: ByteBuffer): List<ByteArray> {
    val model = checkNotNull(TfLiteModelCreate(Pointer(buffer), buffer.remaining().toLong())) { "no TFLite model" }
    val options = TfLiteInterpreterOptionsCreate()
    val interpreter = TfLiteInterpreterCreate(model, options)
    TfLiteInterpreterOptionsDelete(options)
    try {
        checkNotNull(interpreter) { "a model that needs operations of others" }
        return run(interpreter)
    } finally {
        if (interpreter != null) TfLiteInterpreterDelete(interpreter)
        TfLiteModelDelete(model)
    }
}

private fun run(interpreter: TfLiteInterpreter): List<ByteArray> {
    requireOk(TfLiteInterpreterAllocateTensors(interpreter))
    for (index in 0 until TfLiteInterpreterGetInputTensorCount(interpreter)) fill(TfLiteInterpreterGetInputTensor(interpreter, index))
    requireOk(TfLiteInterpreterInvoke(interpreter))
    return List(TfLiteInterpreterGetOutputTensorCount(interpreter)) { read(TfLiteInterpreterGetOutputTensor(interpreter, it)) }
}

/** A slope from 0 to 1, as good as a picture to see whether the weights are right. */
private fun fill(tensor: TfLiteTensor) {
    val input = ByteBuffer.allocateDirect(TfLiteTensorByteSize(tensor).toInt()).order(ByteOrder.nativeOrder())
    val numbers = input.asFloatBuffer()
    while (numbers.hasRemaining()) numbers.put(numbers.position().toFloat() / numbers.capacity())
    requireOk(TfLiteTensorCopyFromBuffer(tensor, Pointer(input), input.capacity().toLong()))
}

private fun read(tensor: TfLiteTensor): ByteArray {
    val bytes = ByteArray(TfLiteTensorByteSize(tensor).toInt())
    BytePointer(bytes.size.toLong()).use {
        requireOk(TfLiteTensorCopyToBuffer(tensor, it, bytes.size.toLong()))
        it.get(bytes)
    }
    return bytes
}

private fun requireOk(status: Int) = check(status == 0) { "TensorFlow Lite: status $status" }
