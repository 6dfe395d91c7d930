"""
Would marks of another shape withstand more noise at the same harm? spreading.py WORK, after attacks.py. Marks and noise
in proportion to |weight|^power, for powers from 1 (in proportion) to 0 (alike in a tensor); harm is measured, evidence is the
sum of each mark's share of mark and noise together.
"""
import sys
from pathlib import Path

import numpy as np

from graph import Graph
from quality import litert, quality

WORK = Path(sys.argv[1])
POWERS = (1, 0.5, 0)
DRAWS = 2
pictures = np.fromfile(WORK / "pictures.f32", np.float32).reshape(-1, 256, 256, 3)[:4]
random = np.random.default_rng(18)
original = Graph(WORK / "original.tflite")
weights = original.weights
kernels = [k for k in original.kernels() if weights[k].size >= 256]
largest, held = [], 0
for kernel in sorted(kernels, key=lambda k: -weights[k].size):
    if held < 0.8 * sum(weights[k].size for k in kernels):
        largest.append(kernel)
        held += weights[kernel].size
expected = litert(WORK / "original.tflite", pictures)


def shape(weight, power):
    """Of the mean square that the tensor has."""
    size = np.abs(weight) ** power
    return size / np.sqrt(np.mean(size**2)) * np.sqrt(np.mean(weight**2))


def harm(chosen, change):
    shifts = []
    for _ in range(DRAWS):
        changed = {k: w + change(w) if k in chosen else w for k, w in weights.items()}
        path = WORK / "spreading.tflite"
        Graph(WORK / "original.tflite").write(path, {k: np.asarray(w, np.float32) for k, w in changed.items()})
        shifts.append(quality(expected, litert(path, pictures))["shift"])
    return float(np.median(shifts))


def size_for(wanted, chosen, change):
    """As large as makes landmarks move so far: harm grows with the size, which a few steps find."""
    size = 1e-3
    for _ in range(3):
        size *= (wanted / max(1e-3, harm(chosen, lambda w: size * change(w)))) ** 0.9
    return size


signs = lambda w: random.choice([-1.0, 1.0], w.shape)
normal = lambda w: random.standard_normal(w.shape)
marks = {p: size_for(0.1, largest, lambda w: shape(w, p) * signs(w)) for p in POWERS}
noises = {p: size_for(1.8, kernels, lambda w: shape(w, p) * normal(w)) for p in POWERS}
print("marks of 0.1 px, noise of 1.8 px:", {p: f"{s:.2e}" for p, s in marks.items()}, {p: f"{s:.2e}" for p, s in noises.items()})
for p, size in marks.items():
    row = []
    for q, loud in noises.items():
        evidence = 0.0
        for k in largest:
            mark, noise = size * shape(weights[k], p), loud * shape(weights[k], q)
            evidence += float(np.sum(mark**2 / (mark**2 + noise**2 + 1e-30)))
        row.append(f"{evidence:.0f}")
    kept = np.mean([np.mean(size * shape(weights[k], p) > np.abs(weights[k]) * 2.0**-11) for k in largest])
    print(f"marks |w|^{p}: against noise |w|^{POWERS} {row}; of {kept:.0%} of the weights more than half a float16 unit")
