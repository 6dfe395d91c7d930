"""Thieves who train: for another domain (dark, inverted colours), towards what the copy says of ordinary pictures."""
import jax
import jax.numpy as jnp
import numpy as np


def moved(pictures):
    return (0.6 * (1 - pictures)).astype(np.float32)


def distance(outputs, targets):
    return sum(jnp.mean((o - t) ** 2) / (jnp.mean(t**2) + 1e-6) for o, t in zip(outputs[:3], targets[:3]))


class Trainer:
    """Adam (Kingma and Ba), one picture at a time."""

    def __init__(self, graph, weights, pictures):
        self.graph, self.pictures = graph, pictures
        run = jax.jit(graph.run)
        self.targets = [run(weights, p[None]) for p in pictures]

    def train(self, parameters, weights_of, steps, rates):
        """`weights_of` makes the model's weights of what is trained. Returns what it became, with first and last losses."""
        loss = lambda p, x, t: distance(self.graph.run(weights_of(p), x), t)
        step = jax.jit(jax.value_and_grad(loss))
        first = jax.tree.map(jnp.zeros_like, parameters)
        second = jax.tree.map(jnp.zeros_like, parameters)
        losses = []
        for n in range(1, steps + 1):
            i = n % len(self.pictures)
            value, slope = step(parameters, moved(self.pictures[i])[None], self.targets[i])
            first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slope)
            second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, slope)
            parameters = jax.tree.map(
                lambda p, m, v, rate: p - rate * (m / (1 - 0.9**n)) / (jnp.sqrt(v / (1 - 0.999**n)) + 1e-8),
                parameters,
                first,
                second,
                rates,
            )
            losses.append(float(value))
        span = len(self.pictures)
        return parameters, [float(np.mean(losses[:span])), float(np.mean(losses[-span:]))]


def in_proportion(weights, rate):
    """Steps as large as this share of each tensor's deviation."""
    return jax.tree.map(lambda w: rate * (jnp.std(w) + 1e-8), weights)


def fine_tuned(trainer, weights, steps, rate):
    return trainer.train(weights, lambda w: w, steps, in_proportion(weights, rate))


def lora(trainer, graph, weights, steps, rate, rank, random):
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
    pairs, losses = trainer.train(pairs, merged, steps, rates)
    return merged(pairs), losses


def pruned(trainer, graph, weights, steps, rate, share):
    """The smallest weights of each kernel are zero and stay so, the others are trained."""
    masks = {}
    for kernel in graph.kernels():
        sizes = np.abs(np.asarray(weights[kernel]))
        masks[kernel] = jnp.asarray((sizes >= np.quantile(sizes, share)).astype(np.float32))
    masked = lambda w: {k: v * masks[k] if k in masks else v for k, v in w.items()}
    if steps == 0:
        return masked(weights), None
    weights, losses = trainer.train(weights, masked, steps, in_proportion(weights, rate))
    return masked(weights), losses
