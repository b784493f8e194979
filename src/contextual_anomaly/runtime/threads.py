"""What a command may take of the machine, said to the libraries before they start, which is when they read it."""

import os
from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from contextual_anomaly.runtime.cache import cache_folder

ONE_CORE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""NumPy's matrix products, whichever library does them: on several cores they are rounded differently."""

JAX_CORES = "2"
"""Threads that JAX divides the work of one program among, on a processor."""

GPU_PLUGINS = ("jax_cuda12_plugin", "jax_cuda13_plugin", "jax_rocm7_plugin")
"""Packages through which JAX runs programs on a GPU."""


def limit_threads(command: Callable) -> Callable:
    """``command`` with the libraries kept to few cores, always the same number: what they add up depends on it.

    A command that may use more runs several programs of JAX at a time, see `models.training.schedule`. What JAX compiles
    is kept in the user's cache folder, so that the next job that runs the same program starts at once; JAX looks a program
    up by all that it is made of. What the user has set in the environment stays.
    """

    @wraps(command)
    def run(**options):
        for variable in ONE_CORE:
            os.environ.setdefault(variable, "1")
        if not runs_on_gpu():
            os.environ.setdefault("PJRT_NPROC", JAX_CORES)
        if kept := compiled_programs():
            os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(kept))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
        return command(**options)

    return run


def available_cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def runs_on_gpu() -> bool:
    """Whether JAX is made for a GPU here, where its threads compile programs and add nothing up."""
    return os.environ.get("JAX_PLATFORMS", "").split(",")[0] != "cpu" and any(map(find_spec, GPU_PLUGINS))


def compiled_programs() -> Path | None:
    """The folder of compiled programs, if there is any: of this processor, for a home may be shared by different ones."""
    if (cache := cache_folder()) is None:
        return None
    about = [os.uname().machine]
    if (cpu := Path("/proc/cpuinfo")).exists():
        told = cpu.read_text().partition("\n\n")[0].splitlines()  # of the first core
        about += [line for line in told if line.startswith(("model name", "flags", "Features"))]
    kind = sha256("\n".join(about).encode()).hexdigest()[:8]
    return cache / "jax" / kind
