"""Changes through the graph that leave what a model computes as it is."""
import numpy as np


def permuted(graph, weights, random):
    """All inner channels in another order."""
    weights = dict(weights)
    for first, middle, last in graph.inner_channels():
        order = random.permutation(weights[first.inputs[1]].shape[0])
        reorder(weights, first, middle, last, order)
    return weights


def reorder(weights, first, middle, last, order):
    for tensor in (first.inputs[1], first.inputs[2], middle.inputs[2]):
        weights[tensor] = weights[tensor][order]
    for tensor in (middle.inputs[1], last.inputs[1]):
        weights[tensor] = weights[tensor][..., order]


def refolded(graph, weights, random):
    """
    Batch norms folded anew: what a depthwise layer's channels are multiplied by is taken back after it.
    Small factors where its activation ends at 6: what it cuts off is all that changes.
    """
    weights = dict(weights)
    for _, middle, last in graph.inner_channels():
        scales = random.uniform(0.5, 0.98, weights[middle.inputs[1]].shape[-1]).astype(np.float32)
        for tensor in middle.inputs[1:3]:
            weights[tensor] = weights[tensor] * scales
        weights[last.inputs[1]] = weights[last.inputs[1]] / scales
    return weights


def padded(graph, weights, random):
    """As many neurons again that nothing listens to, between the others."""
    weights = dict(weights)
    for first, middle, last in graph.inner_channels():
        rows = weights[first.inputs[1]].shape[0]
        for tensor in (first.inputs[1], first.inputs[2], middle.inputs[2]):
            own = weights[tensor]
            made = random.permutation(own.ravel()).reshape(own.shape)
            weights[tensor] = np.concatenate([own, made])
        own = weights[middle.inputs[1]]
        made = random.permutation(own.ravel()).reshape(own.shape)
        weights[middle.inputs[1]] = np.concatenate([own, made], -1)
        weights[last.inputs[1]] = np.concatenate([weights[last.inputs[1]], 0 * weights[last.inputs[1]]], -1)
        reorder(weights, first, middle, last, random.permutation(2 * rows))
        for op in (first, middle):
            shape = graph.body.tensors[op.outputs[0]].shape
            shape[-1] = 2 * rows
    return weights


def factors(weight, rank):
    """A pointwise kernel as two, one after the other."""
    left, sizes, right = np.linalg.svd(weight[:, 0, 0, :], full_matrices=False)
    root = np.sqrt(sizes[:rank])
    return left[:, :rank] * root, root[:, None] * right[:rank]
