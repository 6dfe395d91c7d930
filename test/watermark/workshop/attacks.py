"""What a thief does with a copy, by the tools that thieves have: attacks.py WORK STEPS [PART…]. One line of JSON for each leak."""
import json
import sys
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import disguises
import training
from graph import Graph
from onnx_graph import write_onnx
from quality import litert, onnxruntime, quality

# Libraries say things of their own on standard output.
ANSWERS, sys.stdout = sys.stdout, sys.stderr
WORK, STEPS = Path(sys.argv[1]), int(sys.argv[2])
HELD_OUT = 8
pictures = np.fromfile(WORK / "pictures.f32", np.float32).reshape(-1, 256, 256, 3)
judged, own = pictures[:HELD_OUT], pictures[HELD_OUT:]
expected = litert(WORK / "original.tflite", judged)
random = np.random.default_rng(18)
first, *others = sorted(WORK.glob("copy-*.tflite"))
graph = Graph(first)
copy = graph.weights
kernels = graph.kernels()
run = jax.jit(graph.run)


def say(name, path, outputs, **more):
    print(json.dumps({"name": name, "file": path.name, **quality(expected, outputs), **more}), file=ANSWERS, flush=True)


def weights_leak(name, weights, inputs=judged, **more):
    """As the float32 model that LiteRT runs."""
    path = WORK / f"{name}.tflite"
    weights = {index: np.asarray(array) for index, array in weights.items()}
    Graph(first).write(path, weights)
    say(name, path, litert(path, inputs), **more)
    return path


def tensors_leak(name, arrays, outputs, **more):
    from safetensors.numpy import save_file

    path = WORK / f"{name}.safetensors"
    save_file({key: np.ascontiguousarray(array) for key, array in arrays.items()}, path)
    say(name, path, outputs, **more)


def in_jax(weights, inputs=judged):
    return [[np.asarray(o) for o in run(weights, p[None])] for p in inputs]


def changed(change):
    return {i: change(a) if i in kernels else a for i, a in copy.items()}


def conversions():
    say("copy", first, litert(first, judged))
    wide = weights_leak("float32", copy)
    write_onnx(graph, copy, WORK / "onnx.onnx")
    say("onnx", WORK / "onnx.onnx", onnxruntime(WORK / "onnx.onnx", judged))
    torch_like = {f"layer{n}.weight": copy[k].transpose(0, 3, 1, 2) for n, k in enumerate(kernels)}
    tensors_leak("safetensors_float16", {k: a.astype(np.float16) for k, a in torch_like.items()}, litert(first, judged))
    quantised(wide)
    blocks(torch_like)


def quantised(wide):
    from ai_edge_quantizer import quantizer, recipe

    recipes = {
        "int8_weights": recipe.weight_only_wi8_afp32,
        "int4_weights": recipe.weight_only_wi4_afp32,
        "int8_dynamic": recipe.dynamic_wi8_afp32,
        "int4_dynamic": recipe.dynamic_wi4_afp32,
    }
    for name, make in recipes.items():
        quantised = quantizer.Quantizer(str(wide), make()).quantize()
        path = WORK / f"{name}.tflite"
        path.write_bytes(quantised.quantized_model)
        say(name, path, litert(path, judged))


def blocks(tensors):
    """As language models are passed on: blocks of 32 weights with a scale."""
    import gguf

    for kind in (gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.Q5_0, gguf.GGMLQuantizationType.Q4_0, gguf.GGMLQuantizationType.Q4_1):
        path = WORK / f"gguf_{kind.name.lower()}.gguf"
        writer = gguf.GGUFWriter(path, "cnn")
        weights = dict(copy)
        for n, kernel in enumerate(kernels):
            flat = copy[kernel].reshape(copy[kernel].shape[0], -1)
            if flat.shape[1] % 32:
                writer.add_tensor(f"layer{n}", flat)
                continue
            packed = gguf.quants.quantize(flat, kind)
            weights[kernel] = gguf.quants.dequantize(packed, kind).reshape(copy[kernel].shape)
            writer.add_tensor(f"layer{n}", packed, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        say(path.stem, path, in_jax(weights))
    import ml_dtypes

    for dtype in (ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2):
        weights = changed(lambda a: scaled8(a, dtype))
        tensors = {f"layer{n}": weights[k] for n, k in enumerate(kernels)}
        tensors_leak(np.dtype(dtype).name, tensors, in_jax(weights))


def scaled8(array, dtype):
    scale = np.abs(array).max() / 240
    return (array / scale).astype(dtype).astype(np.float32) * scale


def noises():
    for percent in (0.1, 0.3, 1, 3, 10):
        noisy = changed(lambda a: a + percent / 100 * a.std() * random.standard_normal(a.shape).astype(np.float32))
        weights_leak(f"noise_{percent}", noisy)
    for percent in (0.3, 1, 3):
        noisy = changed(lambda a: a * (1 + percent / 100 * random.standard_normal(a.shape).astype(np.float32)))
        weights_leak(f"multiplied_{percent}", noisy)


def same_harm():
    """Noise in proportion to |weight|^power, as large as moves landmarks so far: which buries the mark best? And 6 bits."""
    weights_leak("int6_channel", changed(lambda a: nearest(a, 6)))
    for pixels in (1.8, 10):
        for power in (1, 0.5, 0):
            weights_leak(f"{pixels}_px_power_{power}", shaped_noise(power, size_for(pixels, power)))


def shaped_noise(power, size):
    draw = np.random.default_rng(9)
    return changed(lambda a: (a + size * shape(a, power) * draw.standard_normal(a.shape)).astype(np.float32))


def shape(weight, power):
    """Of the mean square that the tensor has."""
    sizes = np.abs(weight) ** power
    return sizes * np.sqrt(np.mean(weight**2) / np.mean(sizes**2))


def size_for(wanted, power):
    """Harm grows with the size: by halving the logarithm's range."""
    low, high = 1e-5, 0.3
    for _ in range(9):
        size = (low * high) ** 0.5
        path = WORK / "tried.tflite"
        Graph(first).write(path, shaped_noise(power, size))
        if quality(expected, litert(path, judged))["shift"] > wanted:
            high = size
        else:
            low = size
    return (low * high) ** 0.5


def dithered():
    """In 8 bits with one scale for a tensor or a channel, each weight rounded up or down by chance: noise without a bias."""
    together = [copy, *(Graph(path).weights for path in others[:2])]
    average = {i: np.mean([w[i] for w in together], 0) for i in copy}
    for of, weights in {"copy": copy, "average_3": average}.items():
        for scale in ("tensor", "channel"):
            rounded = {i: rounded8(a, scale) if i in kernels else a for i, a in weights.items()}
            weights_leak(f"dithered_{scale}_{of}", rounded)


def channel_axes(array):
    return (0, 1, 2) if array.shape[0] == 1 else (1, 2, 3)


def nearest(array, bits):
    step = np.maximum(np.abs(array).max(channel_axes(array), keepdims=True), 1e-12) / (2 ** (bits - 1) - 1)
    return (np.round(array / step) * step).astype(np.float32)


def rounded8(array, scale):
    axes = None if scale == "tensor" else channel_axes(array)
    step = np.maximum(np.abs(array).max(axes, keepdims=True), 1e-12) / 127
    return (np.floor(array / step + random.random(array.shape)) * step).astype(np.float32)


def disguised():
    weights_leak("permuted", disguises.permuted(graph, copy, random))
    weights_leak("refolded", disguises.refolded(graph, disguises.permuted(graph, copy, random), random))
    wider = Graph(first)
    weights = disguises.padded(wider, wider.weights, random)
    wider.write(WORK / "dummies.tflite", weights)
    say("dummies", WORK / "dummies.tflite", litert(WORK / "dummies.tflite", judged))
    for share in (1, 0.9, 0.7):
        weights, arrays = dict(copy), {}
        for n, kernel in enumerate(kernels):
            if kernel not in graph.pointwise():
                arrays[f"layer{n}"] = copy[kernel]
                continue
            rank = max(1, int(share * min(copy[kernel].shape[0], copy[kernel].shape[3])))
            left, right = disguises.factors(copy[kernel], rank)
            weights[kernel] = (left @ right).reshape(copy[kernel].shape)
            arrays[f"layer{n}.a"], arrays[f"layer{n}.b"] = right, left
        tensors_leak(f"factored_{int(100 * share)}", arrays, in_jax(weights))
        weights_leak(f"low_rank_{int(100 * share)}", weights)


@cache
def trainer():
    return training.Trainer(graph, in_numbers(copy), own)


def in_numbers(weights):
    return {i: jnp.asarray(a) for i, a in weights.items()}


def trained():
    """For another domain, and judged on pictures of it."""
    weights, there = in_numbers(copy), training.moved(judged)
    weights_leak("untrained_there", copy, there)
    for rate in (3e-4, 3e-3):
        result, losses = training.fine_tuned(trainer(), weights, STEPS, rate, training.moved)
        weights_leak(f"fine_tuned_{rate}", result, there, losses=losses)
    result, losses = training.lora(trainer(), graph, weights, STEPS, 3e-3, training.moved, 8, random)
    weights_leak("lora_8", result, there, losses=losses)


def healed():
    """Weights are harmed until the mark is faint, and trained until the model is good again."""
    weights = in_numbers(copy)
    for share in (0.3, 0.5):
        result, _ = training.pruned(trainer(), graph, weights, 0, 0, training.as_it_is, share)
        weights_leak(f"pruned_{int(100 * share)}", result)
        result, losses = training.pruned(trainer(), graph, weights, STEPS, 1e-3, training.as_it_is, share)
        weights_leak(f"pruned_{int(100 * share)}_tuned", result, losses=losses)
    for percent in (3, 10):
        noisy = changed(lambda a: a * (1 + percent / 100 * random.standard_normal(a.shape).astype(np.float32)))
        weights_leak(f"multiplied_{percent}", noisy)
        result, losses = training.fine_tuned(trainer(), in_numbers(noisy), STEPS, 1e-3, training.as_it_is)
        weights_leak(f"multiplied_{percent}_tuned", result, losses=losses)


def together():
    """Three copies, and what quantisers make of what was put together."""
    all_three = [copy, *(Graph(path).weights for path in others[:2])]
    average = {i: np.mean([w[i] for w in all_three], 0) for i in copy}
    median = {i: np.median([w[i] for w in all_three], 0).astype(np.float32) for i in copy}
    for name, weights in {"average_3": average, "median_3": median}.items():
        quantised_together(name, weights_leak(name, weights))


def quantised_together(name, wide):
    from ai_edge_quantizer import quantizer, recipe

    path = WORK / f"{name}_int8.tflite"
    path.write_bytes(quantizer.Quantizer(str(wide), recipe.weight_only_wi8_afp32()).quantize().quantized_model)
    say(f"{name}_int8", path, litert(path, judged))


PARTS = {part.__name__: part for part in (conversions, noises, same_harm, dithered, disguised, together, trained, healed)}
for name in sys.argv[3:] or PARTS:
    PARTS[name]()
