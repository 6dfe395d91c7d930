"""Makes small models with the formats' own libraries, beside real ones that packages ship: make.py FOLDER REAL…"""
import shutil
import sys
import tarfile
from pathlib import Path

import gguf
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

OUT = Path(sys.argv[1])
RANDOM = np.random.default_rng(7)
SIDE = 128
FLOAT = TensorProto.FLOAT


def weights(*shape):
    return (RANDOM.standard_normal(shape) / 8).astype(np.float32)


def model(nodes, initializers, opset=21, functions=(), domains=()):
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", FLOAT, [1, SIDE])],
        [helper.make_tensor_value_info("y", FLOAT, None)],
        initializers,
    )
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    made = helper.make_model(graph, opset_imports=imports, functions=list(functions))
    made.ir_version = 10
    return made


def save(name, made):
    onnx.save(made, OUT / name)


def matmul(kind, array):
    """x times a matrix that is stored as `kind`, by way of a Cast to float32."""
    tensor = helper.make_tensor("w", kind, array.shape, array.tobytes(), raw=True)
    nodes = [
        helper.make_node("Cast", ["w"], ["wf"], to=FLOAT),
        helper.make_node("MatMul", ["x", "wf"], ["y"]),
    ]
    return model(nodes, [tensor])


def dequantised(kind, array, packed):
    scale = numpy_helper.from_array(np.full(SIDE, 0.01, np.float32), "scale")
    tensor = helper.make_tensor("w", kind, array.shape, packed, raw=True)
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "scale"], ["wf"], axis=1),
        helper.make_node("MatMul", ["x", "wf"], ["y"]),
    ]
    return model(nodes, [tensor, scale])


def onnx_models():
    full = weights(SIDE, SIDE)
    save("float32.onnx", matmul(FLOAT, full))
    save("float16.onnx", matmul(TensorProto.FLOAT16, full.astype(np.float16)))
    save("bfloat16.onnx", matmul(TensorProto.BFLOAT16, (full.view(np.uint32) >> 16).astype(np.uint16)))
    int8 = RANDOM.integers(-127, 128, (SIDE, SIDE), np.int8)
    save("int8.onnx", dequantised(TensorProto.INT8, int8, int8.tobytes()))
    int4 = RANDOM.integers(-8, 8, (SIDE, SIDE), np.int8)
    flat = int4.reshape(-1).view(np.uint8) & 15
    save("int4.onnx", dequantised(TensorProto.INT4, int4, (flat[::2] | flat[1::2] << 4).tobytes()))
    packed = RANDOM.integers(0, 256, (SIDE, SIDE // 32, 16), np.uint8)
    scales = np.full(SIDE * SIDE // 32, 0.01, np.float32)
    node = helper.make_node(
        "MatMulNBits", ["x", "w", "scales"], ["y"],
        domain="com.microsoft", K=SIDE, N=SIDE, bits=4, block_size=32,
    )
    tensors = [numpy_helper.from_array(packed, "w"), numpy_helper.from_array(scales, "scales")]
    save("matmulnbits.onnx", model([node], tensors, domains=["com.microsoft"]))

    halves = weights(SIDE, SIDE).astype(np.float16)
    listed = TensorProto(name="w", data_type=TensorProto.FLOAT16, dims=halves.shape)
    listed.int32_data.extend(int(v) for v in halves.view(np.uint16).reshape(-1))
    nodes = [
        helper.make_node("Cast", ["w"], ["wf"], to=FLOAT),
        helper.make_node("MatMul", ["x", "wf"], ["y"]),
    ]
    save("int32_data.onnx", model(nodes, [listed]))

    inner = [
        helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(weights(SIDE, SIDE), "w")),
        helper.make_node("MatMul", ["a", "w"], ["b"]),
    ]
    function = helper.make_function("own", "Layer", ["a"], ["b"], inner, [helper.make_opsetid("", 21)])
    call = helper.make_node("Layer", ["x"], ["y"], domain="own")
    save("function.onnx", model([call], [], functions=[function], domains=["own"]))

    floats = [float(v) for v in weights(SIDE)]
    nodes = [
        helper.make_node("Constant", [], ["w"], value_floats=floats),
        helper.make_node("Mul", ["x", "w"], ["y"]),
    ]
    save("value_floats.onnx", model(nodes, []))
    node = helper.make_node(
        "LinearRegressor", ["x"], ["y"], domain="ai.onnx.ml",
        coefficients=floats * 4, intercepts=[0.0] * 4, targets=4,
    )
    save("linear.onnx", model([node], [], domains=["ai.onnx.ml"]))

    folder = OUT / "external"
    folder.mkdir()
    onnx.save(
        matmul(FLOAT, weights(SIDE, SIDE)), folder / "model.onnx",
        save_as_external_data=True, location="model.data", size_threshold=64,
    )
    pack("external.tar", folder)

    options = ort.SessionOptions()
    options.optimized_model_filepath = str(OUT / "float32.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    ort.InferenceSession(OUT / "float32.onnx", options, providers=["CPUExecutionProvider"])


def pack(name, folder):
    with tarfile.open(OUT / name, "w") as archive:
        archive.add(folder, arcname=folder.name)


def others():
    tensors = {"half": weights(64, 64).astype(np.float16), "full": weights(64, 64)}
    save_file(tensors, OUT / "tensors.safetensors")
    writer = gguf.GGUFWriter(OUT / "tensors.gguf", "llama")
    writer.add_tensor("full", weights(64, 64))
    writer.add_tensor("half", weights(64, 64).astype(np.float16))
    for kind in (gguf.GGMLQuantizationType.Q4_0, gguf.GGMLQuantizationType.Q8_0):
        quantised = gguf.quants.quantize(weights(64, 64), kind)
        writer.add_tensor(kind.name.lower(), quantised, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def real(root):
    for path in sorted(Path(root).rglob("*")):
        if path.suffix in (".tflite", ".onnx", ".safetensors") and path.is_file():
            shutil.copy(path, OUT / f"real-{path.name}")
        if path.suffix == ".mlpackage":
            pack(f"real-{path.name}.tar", path)


OUT.mkdir(parents=True)
onnx_models()
others()
for folder in sys.argv[2:]:
    real(folder)
