"""JAX's persistent compilation cache, in the user's cache folder unless the user chose another."""

import os
import warnings
from pathlib import Path

import jax
from platformdirs import user_cache_dir

MAX_BYTES = 256 * 2**20


def use_compilation_cache() -> None:
    """Turns the cache on, bounded in size; does nothing where the folder cannot be written or one is set."""
    if jax.config.jax_compilation_cache_dir:
        return
    folder = Path(user_cache_dir("bayes_scaling")) / "compiled"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if not os.access(folder, os.W_OK):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", MAX_BYTES)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    # An entry that is damaged, or that another process keeps locked, is compiled anew: nothing that a user can mend.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache", UserWarning)
