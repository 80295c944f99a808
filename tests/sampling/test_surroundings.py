"""What is around the sampling: JAX's precision, and the folder of compiled programs."""

import jax
import pytest
from platformdirs import user_cache_dir

import bayes_scaling as bs
from bayes_scaling.sampling import cache
from bayes_scaling.sampling.executors import executor


def test_sampling_with_32_bits_is_refused():
    assert executor("threads").how
    with (
        jax.enable_x64(False),
        pytest.raises(bs.InputError, match="JAX computes with 32 bits and fits need 64"),
    ):
        executor("threads")


@pytest.mark.sampling
def test_a_device_that_fails_while_it_samples_is_refused_in_a_sentence(monkeypatch):
    """As a GPU whose memory another process holds."""
    from bayes_scaling.inference.spec import make_spec
    from bayes_scaling.sampling import sample

    class Full:
        how = "a GPU"

        def drive(self, runs, at_once):
            for key, _ in runs:
                yield key, jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory\nmore")

    monkeypatch.setattr(sample, "executor", lambda _: Full())
    job = make_spec(bs.datasets.load("pile"), "chinchilla", noise="constant").job()
    with pytest.raises(jax.errors.JaxRuntimeError):  # of a CPU it is no matter of the device
        sample.sample(job)
    monkeypatch.setattr(sample.jax, "default_backend", lambda: "gpu")
    with pytest.raises(bs.InputError, match=r"RESOURCE_EXHAUSTED: Out of memory\. Fits need none: unset"):
        sample.sample(job)


@pytest.fixture
def settings(monkeypatch):
    """What the package sets of JAX, in a process where no cache is chosen yet."""
    found = {}
    monkeypatch.setattr(cache.jax, "config", type("Config", (), {"jax_compilation_cache_dir": None})())
    monkeypatch.setattr(cache.jax.config, "update", found.__setitem__, raising=False)
    monkeypatch.setattr(cache.warnings, "filterwarnings", lambda *_: None)
    return found


def test_compiled_programs_lie_in_the_cache_folder(settings, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache.use_compilation_cache()
    assert settings["jax_compilation_cache_dir"] == f"{user_cache_dir('bayes_scaling')}/compiled"
    assert settings["jax_compilation_cache_max_size"] == cache.MAX_BYTES


def test_where_the_cache_folder_is_a_file_nothing_is_cached(settings, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setattr(cache, "user_cache_dir", lambda _: str(tmp_path / "file"))
    cache.use_compilation_cache()
    assert settings == {}


def test_where_the_cache_folder_is_read_only_nothing_is_cached(settings, monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "user_cache_dir", lambda _: str(tmp_path))
    monkeypatch.setattr(cache.os, "access", lambda *_: False)  # root may write everywhere
    cache.use_compilation_cache()
    assert settings == {}
