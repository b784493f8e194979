"""EM of a mixture of Bernoullis as one compiled program."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

from contextual_anomaly.models.training.schedule import run_interleaved

CHUNK = 20  # EM steps in one call; progress is shown between calls


def fit_mixtures(
    scenes: Float32[np.ndarray, "U C"],
    counts: Float32[np.ndarray, " U"],
    sizes_and_seeds: list[tuple[int, int]],
    steps: int,
    smoothing: float,
    threads: int,
    title: str,
) -> list[tuple[Float[np.ndarray, " K"], Float[np.ndarray, "K C"]]]:
    """Fit a mixture for each size and seed.

    Args:
        scenes: [U, C] distinct scenes of 0 and 1.
        counts: [U] images that have each scene.
        sizes_and_seeds: number of scene types K, and seed of the first ones, of each mixture.
        steps: EM steps, rounded up to a multiple of CHUNK.
        smoothing: pseudo-count of images, with the classes' overall shares, added to each scene type.
        threads: processor cores to use; their number changes no result.
        title: what the progress display says.

    Returns:
        weight [K] and probability [K, C] of each mixture, float64.
    """
    starts = [_start(scenes, counts, size, seed) for size, seed in sizes_and_seeds]
    data = jnp.asarray(scenes), jnp.asarray(counts), smoothing
    states, _ = run_interleaved(_steps, starts, data, -(-steps // CHUNK), threads, title)
    return [(np.asarray(weight, np.float64), np.asarray(p, np.float64)) for weight, p in states]


def _start(
    scenes: Float32[np.ndarray, "U C"], counts: Float32[np.ndarray, " U"], size: int, seed: int
) -> tuple[Float[Array, " K"], Float[Array, "K C"]]:
    """Return equal weights, and a random scene for each scene type, mixed with the classes' overall shares."""
    share = counts @ scenes / counts.sum()
    drawn = np.random.default_rng(seed).choice(
        len(scenes), size, replace=len(scenes) < size, p=counts.astype(np.float64) / counts.sum(dtype=np.float64)
    )
    probability = np.clip(0.3 * scenes[drawn] + 0.7 * share, 1e-5, 1 - 1e-5)
    return jnp.full(size, 1 / size, jnp.float32), jnp.asarray(probability, jnp.float32)


@jax.jit
def _steps(state, data):
    """Run CHUNK steps of EM on (weight, probability); data are scenes, counts and smoothing."""
    scenes, counts, smoothing = data
    images = counts.sum()
    share = counts @ scenes / images

    def step(state, _):
        weight, p = state
        log_joint = jnp.log(weight) + scenes @ (jnp.log(p) - jnp.log1p(-p)).T + jnp.log1p(-p).sum(1)
        responsibility = jax.nn.softmax(log_joint, axis=1) * counts[:, None]  # [U, K] images
        size = responsibility.sum(0)
        p = (responsibility.T @ scenes + smoothing * share) / (size + smoothing)[:, None]
        weight = (size + smoothing) / (images + smoothing * len(size))
        return (weight, jnp.clip(p, 1e-6, 1 - 1e-6)), None

    return jax.lax.scan(step, state, None, length=CHUNK)
