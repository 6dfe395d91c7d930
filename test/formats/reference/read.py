"""What the formats' own libraries find in each file of a folder, as JSON: read.py FOLDER."""
import base64
import json
import sys
from pathlib import Path

import numpy as np

SAMPLE = 64


def of_onnx(path):
    import onnx

    model = onnx.load(path)
    graphs = [model.graph, *model.functions]
    for graph in graphs:
        for tensor in getattr(graph, "initializer", []):
            yield tensor.name, raw(tensor)
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.name, raw(attribute.t)


def raw(tensor):
    """The bytes as they are stored; what is stored as varints has none."""
    if tensor.HasField("raw_data"):
        return tensor.raw_data
    if tensor.float_data:
        return np.array(tensor.float_data, np.float32).tobytes()
    return b""


def of_tflite(path):
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            if data is not None and len(data) > 0:
                yield tensor.name.decode(), bytes(bytearray(data))


def of_safetensors(path):
    from safetensors.numpy import load_file

    for name, array in load_file(path).items():
        yield name, array.tobytes()


def of_gguf(path):
    import gguf

    for tensor in gguf.GGUFReader(path).tensors:
        yield tensor.name, tensor.data.tobytes()


READERS = {".onnx": of_onnx, ".tflite": of_tflite, ".safetensors": of_safetensors, ".gguf": of_gguf}


def sample(name, data):
    middle = len(data) // 2
    part = data[middle : middle + SAMPLE]
    return {"name": name, "bytes": len(data), "sample": base64.b64encode(part).decode()}


found = {}
for path in sorted(Path(sys.argv[1]).iterdir()):
    reader = READERS.get(path.suffix)
    if reader:
        found[path.name] = [sample(name, data) for name, data in reader(path)]
json.dump(found, sys.stdout)
