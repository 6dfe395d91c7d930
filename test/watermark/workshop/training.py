"""Thieves who train, towards what the copy says of ordinary pictures: for another domain (dark, inverted colours), or to heal what they did."""
import jax
import jax.numpy as jnp
import numpy as np


def as_it_is(pictures):
    return pictures


def moved(pictures):
    return (0.6 * (1 - pictures)).astype(np.float32)


def distance(outputs, targets, sizes):
    return sum(jnp.mean((o - t) ** 2) / size for o, t, size in zip(outputs, targets, sizes))


class Trainer:
    """Adam (Kingma and Ba) with steps that fade like a cosine, one picture at a time; targets are what the copy says."""

    def __init__(self, graph, weights, pictures):
        self.pictures = pictures
        run = jax.jit(graph.run)
        self.targets = [run(weights, p[None])[:3] for p in pictures]
        # Over all pictures: one with nobody in it has almost nothing to be measured by, and would drown the others.
        sizes = [jnp.mean(jnp.stack([t[k] ** 2 for t in self.targets])) for k in range(3)]
        self.slope = jax.jit(jax.value_and_grad(lambda w, x, t: distance(graph.run(w, x), t, sizes)))

    def train(self, parameters, weights_of, steps, rates, seen):
        """
        `weights_of` makes the model's weights of what is trained, `seen` what it sees of a picture. Returns what it
        became, with first and last losses.
        """
        adam = jax.jit(updated)
        first = jax.tree.map(jnp.zeros_like, parameters)
        second = jax.tree.map(jnp.zeros_like, parameters)
        losses = []
        for n in range(1, steps + 1):
            i = n % len(self.pictures)
            weights, back = jax.vjp(weights_of, parameters)
            value, slope = self.slope(weights, seen(self.pictures[i])[None], self.targets[i])
            share = 0.5 + 0.5 * np.cos(np.pi * n / steps)
            parameters, first, second = adam(parameters, first, second, back(slope)[0], rates, float(n), share)
            losses.append(float(value))
        span = len(self.pictures)
        return parameters, [float(np.mean(losses[:span])), float(np.mean(losses[-span:]))]


def updated(parameters, first, second, slope, rates, n, share):
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slope)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, slope)
    moved_by = lambda p, m, v, rate: p - share * rate * (m / (1 - 0.9**n)) / (jnp.sqrt(v / (1 - 0.999**n)) + 1e-8)
    return jax.tree.map(moved_by, parameters, first, second, rates), first, second


def in_proportion(weights, rate):
    """Steps as large as this share of what is usual in each output channel: channels differ by orders of magnitude."""

    def usual(w):
        if w.ndim < 4:
            return jnp.mean(jnp.abs(w)) + 1e-8
        depthwise = w.shape[0] == 1
        return jnp.sqrt(jnp.mean(w**2, (0, 1, 2) if depthwise else (1, 2, 3), keepdims=True)) + 1e-8

    return jax.tree.map(lambda w: rate * usual(w) * jnp.ones_like(w), weights)


def fine_tuned(trainer, weights, steps, rate, seen):
    return trainer.train(weights, lambda w: w, steps, in_proportion(weights, rate), seen)


def lora(trainer, graph, weights, steps, rate, seen, rank, random):
    """Adapters of low rank on all pointwise convolutions, trained and merged (Hu et al.)."""
    pairs = {}
    for kernel in graph.pointwise():
        rows, columns = weights[kernel].shape[0], weights[kernel].shape[3]
        pairs[kernel] = (
            jnp.zeros((rows, rank), jnp.float32),
            jnp.asarray(random.normal(0, columns**-0.5, (rank, columns)).astype(np.float32)),
        )

    def merged(pairs):
        deltas = {k: (b @ a).reshape(weights[k].shape) for k, (b, a) in pairs.items()}
        return {k: w + deltas[k] if k in deltas else w for k, w in weights.items()}

    rates = {k: (rate * jnp.std(weights[k]), rate * jnp.std(a)) for k, (_, a) in pairs.items()}
    rates = {k: tuple(r * jnp.ones_like(p) for r, p in zip(rates[k], pairs[k])) for k in pairs}
    pairs, losses = trainer.train(pairs, merged, steps, rates, seen)
    return merged(pairs), losses


def pruned(trainer, graph, weights, steps, rate, seen, share):
    """The smallest weights of each kernel are zero and stay so, the others are trained."""
    masks = {}
    for kernel in graph.kernels():
        sizes = np.abs(np.asarray(weights[kernel]))
        masks[kernel] = jnp.asarray((sizes >= np.quantile(sizes, share)).astype(np.float32))
    masked = lambda w: {k: v * masks[k] if k in masks else v for k, v in w.items()}
    if steps == 0:
        return masked(weights), None
    weights, losses = trainer.train(weights, masked, steps, in_proportion(weights, rate), seen)
    return masked(weights), losses
