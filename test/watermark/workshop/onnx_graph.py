"""The same graph as ONNX has it: channels first, kernels OIHW."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from graph import RELU, RELU6


def write_onnx(graph, weights, path):
    nodes, initialisers = [], {}
    fresh = iter(range(1_000_000))

    def constant(array):
        name = f"c{next(fresh)}"
        initialisers[name] = np.ascontiguousarray(array)
        return name

    def node(kind, inputs, output=None, **attributes):
        output = output or f"t{next(fresh)}"
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    values = {graph.body.inputs[0]: node("Transpose", ["input"], perm=[0, 3, 1, 2])}

    def activated(name, function):
        if function == RELU:
            return node("Relu", [name])
        if function == RELU6:
            return node("Clip", [name, constant(np.float32(0)), constant(np.float32(6))])
        return name

    for op in graph.ops:
        kind, options = graph.kind(op), op.builtinOptions
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            kernel = weights[op.inputs[1]]
            depthwise = kind != "CONV_2D"
            kernel = kernel.transpose(3, 0, 1, 2) if depthwise else kernel.transpose(0, 3, 1, 2)
            out = node(
                "Conv",
                [values[op.inputs[0]], constant(kernel), constant(weights[op.inputs[2]])],
                strides=[options.strideH, options.strideW],
                dilations=[options.dilationHFactor, options.dilationWFactor],
                group=kernel.shape[0] if depthwise else 1,
                auto_pad="SAME_UPPER" if options.padding == 0 else "VALID",
            )
            out = activated(out, options.fusedActivationFunction)
        elif kind == "ADD":
            out = node("Add", [values[i] for i in op.inputs])
            out = activated(out, options.fusedActivationFunction)
        elif kind == "PAD":
            pads = graph.integers[op.inputs[1]][[0, 3, 1, 2]].T.ravel().astype(np.int64)
            out = node("Pad", [values[op.inputs[0]], constant(pads)])
        elif kind == "RESIZE_BILINEAR":
            _, height, width, channels = (int(d) for d in graph.body.tensors[op.outputs[0]].shape)
            mode = "half_pixel" if options.halfPixelCenters else "align_corners" if options.alignCorners else "asymmetric"
            size = constant(np.array([1, channels, height, width], np.int64))
            out = node("Resize", [values[op.inputs[0]], "", "", size], mode="linear", coordinate_transformation_mode=mode)
        elif kind == "RESHAPE":
            shape = [int(d) for d in graph.body.tensors[op.outputs[0]].shape]
            last = node("Transpose", [values[op.inputs[0]]], perm=[0, 2, 3, 1])
            out = node("Reshape", [last, constant(np.array(shape, np.int64))])
        elif kind == "MAX_POOL_2D":
            out = node(
                "MaxPool",
                [values[op.inputs[0]]],
                kernel_shape=[options.filterHeight, options.filterWidth],
                strides=[options.strideH, options.strideW],
                auto_pad="SAME_UPPER" if options.padding == 0 else "VALID",
            )
        else:
            assert kind == "LOGISTIC", kind
            out = node("Sigmoid", [values[op.inputs[0]]])
        values[op.outputs[0]] = out
    outputs = []
    for place, index in enumerate(graph.body.outputs):
        shape = [int(d) for d in graph.body.tensors[index].shape]
        name = values[index]
        name = node("Transpose", [name], f"output{place}", perm=[0, 2, 3, 1]) if len(shape) == 4 else node("Identity", [name], f"output{place}")
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 256, 256, 3])
    body = helper.make_graph(nodes, "model", [given], outputs, [numpy_helper.from_array(a, n) for n, a in initialisers.items()])
    onnx.save(helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)
