"""Runs each model of folders and says how outputs differ from the first one's, as JSON: run.py PLAIN OTHER…"""
import json
import sys
from pathlib import Path

import numpy as np

RUNS = 3


def onnx_outputs(path):
    import onnxruntime as ort

    ort.set_default_logger_severity(4)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(1)
    for _ in range(RUNS):
        feed = {i.name: values(i.shape, np.float32, random) for i in session.get_inputs()}
        yield from session.run(None, feed)


def tflite_outputs(path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    random = np.random.default_rng(1)
    for _ in range(RUNS):
        for detail in interpreter.get_input_details():
            array = values(detail["shape"], detail["dtype"], random)
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        for detail in interpreter.get_output_details():
            yield np.array(interpreter.get_tensor(detail["index"]))


def values(shape, dtype, random):
    shape = [d if isinstance(d, (int, np.integer)) and d > 0 else 1 for d in shape]
    if np.issubdtype(dtype, np.integer):
        return random.integers(-100, 100, shape).astype(dtype)
    return random.random(shape).astype(dtype)


RUNNERS = {".onnx": onnx_outputs, ".ort": onnx_outputs, ".tflite": tflite_outputs}


def outputs(path):
    try:
        return list(RUNNERS[path.suffix](path))
    except Exception as error:  # a runtime that refuses is an answer
        return str(error)[:200]


def compare(plain, other):
    if isinstance(other, str):
        return {"outcome": "refused", "deviation": None}
    same = all(a.tobytes() == b.tobytes() for a, b in zip(plain, other))
    if same:
        return {"outcome": "identical", "deviation": 0}
    a, b = (np.concatenate([np.ravel(x).astype(np.float64) for x in xs]) for xs in (plain, other))
    size = float(np.sqrt(np.mean(a**2))) or 1.0
    deviation = float(np.sqrt(np.mean((a - b) ** 2)) / size)
    return {"outcome": "different", "deviation": deviation if np.isfinite(deviation) else None}


first, *others = (Path(folder) for folder in sys.argv[1:])
results = {}
for path in sorted(first.iterdir()):
    if path.suffix not in RUNNERS:
        continue
    plain = outputs(path)
    if isinstance(plain, str):
        results[path.name] = {"error": plain}
        continue
    results[path.name] = {
        other.name: compare(plain, outputs(other / path.name))
        for other in others
        if (other / path.name).exists()
    }
json.dump(results, sys.stdout)
