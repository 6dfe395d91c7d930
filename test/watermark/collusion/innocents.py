"""
Holds innocents' copies against the evidence of many cells at once: innocents.py FOLDER COUNT. The code is derived here
anew from its description, in another language; each cell's known copy shows that both mean the same. All scores in full. Needs numpy and
cryptography.
"""
import hashlib
import hmac
import json
import sys
from base64 import urlsafe_b64decode
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

FOLDER, COUNT = Path(sys.argv[1]), int(sys.argv[2])
POSITIONS, BATCH = 1 << 17, 64
THRESHOLDS = np.clip(np.round(256 * np.sin((2 * np.arange(16) + 1) * np.pi / 64) ** 2), 1, 255).astype(np.uint8)


def stream(trace_key, use, count):
    key = hmac.digest(trace_key, f"modelseal/1 trace {use}".encode(), hashlib.sha256)
    return np.frombuffer(Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor().update(bytes(count)), np.uint8)


def copy_bytes(trace_key, fingerprint):
    user, device = fingerprint[:8].hex(), fingerprint.hex()
    half = POSITIONS // 2
    return np.concatenate([stream(trace_key, f"user {user}", half), stream(trace_key, f"device {device}", half)])


def scores(trace_key, limits, weights, shift, fingerprints):
    ones = np.stack([copy_bytes(trace_key, f) < limits for f in fingerprints])
    return ones.astype(np.float32) @ weights - shift


cells = [json.loads(line) for line in (FOLDER / "cells.jsonl").read_text().splitlines()]
random = np.random.default_rng(18)
for key in dict.fromkeys(cell["traceKey"] for cell in cells):
    trace_key, group = bytes.fromhex(key), [cell for cell in cells if cell["traceKey"] == key]
    limits = THRESHOLDS[stream(trace_key, "biases", POSITIONS) & 15]
    weights = np.concatenate([np.fromfile(FOLDER / f"{c['name']}.f32", np.float32).reshape(2, -1) for c in group]).T.copy()
    shift = (limits / 256.0) @ weights
    decoders = [decoder for cell in group for decoder in cell["decoders"]]
    accused_from = np.array([d["limit"] for d in decoders])
    deviations = np.array([d["deviation"] for d in decoders])
    for n, cell in enumerate(group):
        known = scores(trace_key, limits, weights, shift, [urlsafe_b64decode(cell["known"][2:])])[0, 2 * n : 2 * n + 2]
        wanted = np.array([d["known"] for d in cell["decoders"]])
        assert np.allclose(known, wanted, rtol=1e-3, atol=0.01 * deviations.max()), (known, wanted)
    accused, most, squares = np.zeros(len(decoders), int), np.zeros(len(decoders)), np.zeros(len(decoders))
    for _ in range(0, COUNT, BATCH):
        sums = scores(trace_key, limits, weights, shift, [random.bytes(12) for _ in range(BATCH)])
        accused += (sums >= accused_from).sum(0)
        most = np.maximum(most, sums.max(0))
        squares += (sums**2).sum(0)
    tested = -(-COUNT // BATCH) * BATCH
    for n, cell in enumerate(group):
        both = slice(2 * n, 2 * n + 2)
        with np.errstate(invalid="ignore"):
            spread, highest, limit = (
                np.nan_to_num(a[both] / deviations[both]) for a in (np.sqrt(squares / tested), most, accused_from)
            )
        print(
            f"{cell['name']}: {tested} innocents, {accused[both].sum()} accused; deviation {spread.round(3)}, "
            f"highest {highest.round(2)}, accused from {limit.round(2)}",
            flush=True,
        )
