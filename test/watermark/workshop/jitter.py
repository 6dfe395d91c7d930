"""
How far a model's answers jump by themselves: jitter.py WORK, after attacks.py. Each type of numbers is held against itself with
every pixel moved by up to a tenth of a step of 8 bits or more, which no camera is free of. Marks that move answers by less than
that are not what anybody could see.
"""
import sys
from pathlib import Path

import numpy as np
from ai_edge_quantizer import quantizer, recipe

from graph import Graph
from quality import litert, quality

WORK = Path(sys.argv[1])
pictures = np.fromfile(WORK / "pictures.f32", np.float32).reshape(-1, 256, 256, 3)[:8]
random = np.random.default_rng(18)
original = Graph(WORK / "original.tflite")
wide = WORK / "jitter-float32.tflite"
original.write(wide, {k: np.asarray(w, np.float32) for k, w in original.weights.items()})
files = {"float32": wide}
for name, make in {"int8, weights only": recipe.weight_only_wi8_afp32, "int8, dynamic range": recipe.dynamic_wi8_afp32}.items():
    files[name] = WORK / f"jitter-{len(files)}.tflite"
    files[name].write_bytes(quantizer.Quantizer(str(wide), make()).quantize().quantized_model)

for name, path in files.items():
    expected = litert(path, pictures)
    for steps in (0.1, 0.5, 1):
        moved = pictures + steps / 255 * random.uniform(-1, 1, pictures.shape).astype(np.float32)
        found = quality(expected, litert(path, moved))
        print(f"{name}, pixels moved by up to {steps} of 255: masks {found['iou']:.4f}, landmarks {found['shift']:.2f} px")
