"""How much of a model is left: masks and landmarks against the original's, on pictures of people."""
import numpy as np

LANDMARKS, MASK = 0, 2


def quality(expected, actual):
    """Mean intersection over union of the masks, median shift of 33 landmarks in pixels of 256."""
    ious, shifts = [], []
    for wanted, found in zip(expected, actual):
        a, b = wanted[MASK] > 0, found[MASK] > 0
        ious.append((a & b).sum() / max(1, (a | b).sum()))
        points = [np.reshape(o[LANDMARKS], (39, 5))[:33, :2] for o in (wanted, found)]
        shifts.append(np.hypot(*(points[1] - points[0]).T))
    return {"iou": float(np.mean(ious)), "shift": float(np.median(shifts))}


def litert(path, pictures):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    outputs = sorted(interpreter.get_output_details(), key=lambda d: d["name"])
    results = []
    for picture in pictures:
        interpreter.set_tensor(given["index"], picture[None])
        interpreter.invoke()
        results.append([np.array(interpreter.get_tensor(d["index"])) for d in outputs])
    return results


def onnxruntime(path, pictures):
    import onnxruntime as ort

    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return [session.run(None, {name: picture[None]}) for picture in pictures]
