"""EM of a mixture of Bernoullis as one compiled program, apart from the model so that asking it does not start JAX."""

import jax
import jax.numpy as jnp
import numpy as np

from contextual_anomaly.models.training.schedule import run_interleaved

CHUNK = 20  # EM steps of one call, between two of which progress is shown


def fit_mixtures(
    scenes: np.ndarray,
    counts: np.ndarray,
    sizes_and_seeds: list[tuple[int, int]],
    steps: int,
    smoothing: float,
    threads: int,
    title: str,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Fit a mixture for each size and seed.

    Args:
        scenes: [U, C] distinct scenes of 0 and 1.
        counts: [U] images that show each.
        steps: of EM, rounded up to a multiple of CHUNK.
        smoothing: images added to each scene type, with the classes' overall shares.

    Returns:
        weight [K] and probability [K, C] of each, float64.
    """
    starts = [_start(scenes, counts, size, seed) for size, seed in sizes_and_seeds]
    data = jnp.asarray(scenes), jnp.asarray(counts), smoothing
    ended, _ = run_interleaved(_steps, starts, data, -(-steps // CHUNK), threads, title)
    return [tuple(np.asarray(part, np.float64) for part in state) for state in ended]


def _start(scenes: np.ndarray, counts: np.ndarray, size: int, seed: int) -> tuple[jax.Array, jax.Array]:
    """Equal weights; each scene type starts from a scene of its own, mixed with the classes' overall shares."""
    share = counts @ scenes / counts.sum()
    drawn = np.random.default_rng(seed).choice(
        len(scenes), size, replace=len(scenes) < size, p=counts.astype(np.float64) / counts.sum(dtype=np.float64)
    )
    probability = np.clip(0.3 * scenes[drawn] + 0.7 * share, 1e-5, 1 - 1e-5)
    return jnp.full(size, 1 / size, jnp.float32), jnp.asarray(probability, jnp.float32)


@jax.jit
def _steps(state, data):
    scenes, counts, smoothing = data
    images = counts.sum()
    share = counts @ scenes / images

    def step(state, _):
        weight, p = state
        log_joint = jnp.log(weight) + scenes @ (jnp.log(p) - jnp.log1p(-p)).T + jnp.log1p(-p).sum(1)
        belongs = jax.nn.softmax(log_joint, axis=1) * counts[:, None]  # [U, K] images
        size = belongs.sum(0)
        p = (belongs.T @ scenes + smoothing * share) / (size + smoothing)[:, None]
        weight = (size + smoothing) / (images + smoothing * len(size))
        return (weight, jnp.clip(p, 1e-6, 1 - 1e-6)), None

    return jax.lax.scan(step, state, None, length=CHUNK)
