"""A TFLite model as a graph that can be differentiated, changed and written again."""
import flatbuffers
import jax
import jax.numpy as jnp
import numpy as np
from ai_edge_litert import schema_py_generated as schema

NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
DTYPES = {0: np.float32, 1: np.float16, 2: np.int32, 9: np.int8}
NONE, RELU, _, RELU6 = range(4)


class Graph:
    """`weights`: by tensor, float32; float16 numbers that a DEQUANTIZE made wide are wide here already."""

    def __init__(self, path):
        data = bytearray(path.read_bytes())
        self.model = schema.ModelT.InitFromPackedBuf(data, 0)
        (self.body,) = self.model.subgraphs
        self.weights, self.integers = {}, {}
        for index, tensor in enumerate(self.body.tensors):
            raw = self.model.buffers[tensor.buffer].data
            if raw is None or len(raw) == 0:
                continue
            shape = list(tensor.shape) if tensor.shape is not None else []
            array = np.frombuffer(bytes(raw), DTYPES[tensor.type]).reshape(shape)
            if tensor.type == 2:
                self.integers[index] = array
            else:
                self.weights[index] = array.astype(np.float32)
        self.ops = []
        for op in self.body.operators:
            if self.kind(op) == "DEQUANTIZE" and op.inputs[0] in self.weights:
                self.weights[op.outputs[0]] = self.weights.pop(op.inputs[0])
                # The narrow numbers would name the thief, whatever becomes of the wide ones.
                self.body.tensors[op.inputs[0]].buffer = 0
            else:
                self.ops.append(op)

    def kind(self, op):
        code = self.model.operatorCodes[op.opcodeIndex]
        return NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def kernels(self):
        """The tensors that are kernels of convolutions, in the order of the graph."""
        convolutions = [op for op in self.ops if self.kind(op) in ("CONV_2D", "DEPTHWISE_CONV_2D")]
        return list(dict.fromkeys(op.inputs[1] for op in convolutions))

    def pointwise(self):
        return [k for k in self.kernels() if self.weights[k].shape[1:3] == (1, 1) and self.weights[k].shape[0] > 1]

    def run(self, weights, pictures):
        """The outputs for pictures [n, height, width, 3]."""
        values = {self.body.inputs[0]: pictures}
        get = lambda i: values[i] if i in values else weights[i]
        for op in self.ops:
            kind, options = self.kind(op), op.builtinOptions
            if kind == "CONV_2D":
                out = convolve(get(op.inputs[0]), get(op.inputs[1]), options, ("NHWC", "OHWI", "NHWC"), 1)
                out = activated(out + get(op.inputs[2]), options.fusedActivationFunction)
            elif kind == "DEPTHWISE_CONV_2D":
                kernel = jnp.transpose(get(op.inputs[1]), (1, 2, 0, 3))
                out = convolve(get(op.inputs[0]), kernel, options, ("NHWC", "HWIO", "NHWC"), kernel.shape[-1])
                out = activated(out + get(op.inputs[2]), options.fusedActivationFunction)
            elif kind == "ADD":
                out = activated(get(op.inputs[0]) + get(op.inputs[1]), options.fusedActivationFunction)
            elif kind == "PAD":
                out = jnp.pad(get(op.inputs[0]), [tuple(p) for p in self.integers[op.inputs[1]].tolist()])
            elif kind == "RESIZE_BILINEAR":
                out = resize(get(op.inputs[0]), self.integers[op.inputs[1]], options)
            elif kind == "RESHAPE":
                shape = [int(d) for d in self.body.tensors[op.outputs[0]].shape]
                out = get(op.inputs[0]).reshape([pictures.shape[0], *shape[1:]])
            elif kind == "MAX_POOL_2D":
                window = (1, options.filterHeight, options.filterWidth, 1)
                strides = (1, options.strideH, options.strideW, 1)
                padding = "SAME" if options.padding == 0 else "VALID"
                out = jax.lax.reduce_window(get(op.inputs[0]), -jnp.inf, jax.lax.max, window, strides, padding)
            elif kind == "LOGISTIC":
                out = jax.nn.sigmoid(get(op.inputs[0]))
            else:
                raise ValueError(f"{kind} is not known here")
            values[op.outputs[0]] = out
        return [values[i] for i in self.body.outputs]

    def write(self, path, weights):
        """With these float32 weights in place of the float16 ones; shapes may have changed."""
        self.body.operators = self.ops
        for index, array in weights.items():
            tensor = self.body.tensors[index]
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(array, np.float32).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer, tensor.type, tensor.shape = len(self.model.buffers) - 1, 0, list(array.shape)
        used = {tensor.buffer for tensor in self.body.tensors}
        for index, buffer in enumerate(self.model.buffers):
            if index not in used and index > 0:
                buffer.data = None
        builder = flatbuffers.Builder(1 << 24)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        path.write_bytes(builder.Output())

    def inner_channels(self):
        """(first, depthwise, last): channels that only these three know. Their order is nobody's business."""
        users = {}
        for op in self.ops:
            for tensor in op.inputs[:1] if "CONV" in self.kind(op) else op.inputs:
                users.setdefault(tensor, []).append(op)
        triples = []
        for first in self.ops:
            if self.kind(first) != "CONV_2D":
                continue
            middle = users.get(first.outputs[0], [])
            if len(middle) != 1 or self.kind(middle[0]) != "DEPTHWISE_CONV_2D":
                continue
            last = users.get(middle[0].outputs[0], [])
            if len(last) == 1 and self.kind(last[0]) == "CONV_2D":
                triples.append((first, middle[0], last[0]))
        return triples


def convolve(value, kernel, options, numbers, groups):
    return jax.lax.conv_general_dilated(
        value,
        kernel,
        (options.strideH, options.strideW),
        "SAME" if options.padding == 0 else "VALID",
        rhs_dilation=(options.dilationHFactor, options.dilationWFactor),
        dimension_numbers=numbers,
        feature_group_count=groups,
    )


def activated(value, function):
    if function == RELU:
        return jnp.maximum(value, 0)
    if function == RELU6:
        return jnp.clip(value, 0, 6)
    assert function == NONE, function
    return value


def resize(value, size, options):
    for axis, target in ((1, int(size[0])), (2, int(size[1]))):
        source = value.shape[axis]
        at = np.arange(target)
        if options.alignCorners:
            place = at * (source - 1) / max(1, target - 1)
        elif options.halfPixelCenters:
            place = np.clip((at + 0.5) * source / target - 0.5, 0, source - 1)
        else:
            place = at * source / target
        low = np.minimum(np.floor(place).astype(int), source - 1)
        high = np.minimum(low + 1, source - 1)
        share = (place - low).astype(np.float32).reshape([-1 if i == axis else 1 for i in range(4)])
        value = jnp.take(value, low, axis) * (1 - share) + jnp.take(value, high, axis) * share
    return value
