"""What holds for a process: where JAX computes, and that threads may build models at once."""

import os
import subprocess
import sys

import pytest

AT_ONCE = """
from threading import Thread
from time import sleep
import pytensor.tensor as pt
from bayes_scaling.sampling.jax_model import _to_jax

found = []

def build(i):
    x = pt.vector()
    graph = [x[0] + 1]
    sleep(i / 50)
    found.append(_to_jax({"graph": ([x], graph)}))

threads = [Thread(target=build, args=[i]) for i in range(60)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(found))
"""


def process(code, **environment):
    free = {name: value for name, value in os.environ.items() if name != "JAX_PLATFORMS"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=free | environment
    )
    return done.stdout.strip() or done.stderr


@pytest.mark.seconds
@pytest.mark.parametrize(("chosen", "where"), [({}, "cpu"), ({"JAX_PLATFORMS": "cuda,cpu"}, "cuda,cpu")])
def test_a_gpu_is_left_alone_unless_it_is_chosen(chosen, where):
    code = "import bayes_scaling.sampling.jax_model, jax; print(jax.config.jax_platforms)"
    assert process(code, **chosen) == where


@pytest.mark.seconds
def test_a_device_that_is_not_there_is_refused_in_a_sentence():
    code = """
import bayes_scaling as bs
try:
    import bayes_scaling.sampling.sample
except bs.InputError as error:
    print(error)
"""
    said = process(code, JAX_PLATFORMS="cuda", CUDA_VISIBLE_DEVICES="")
    assert said.startswith("JAX failed on the device that it was told to use (JAX_PLATFORMS=cuda): ")
    assert "unset JAX_PLATFORMS to sample on the CPU" in said


@pytest.mark.seconds
def test_threads_may_build_models_at_once():
    """The first in a process loads what PyTensor knows of JAX; the others wait until all of it is there."""
    assert process(AT_ONCE) == "60"
