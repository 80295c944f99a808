"""Counts of published models."""

import pytest

from bayes_scaling import InputError
from bayes_scaling.data.architecture import Architecture
from bayes_scaling.data.units import bits_per_unit, nats_per_token, training_flops

GPT2 = Architecture(12, 768, 12, 50257, 1024, learned_positions=True)
GPT3 = Architecture(96, 12288, 96, 50257, 2048)
LLAMA3_8B = Architecture(32, 4096, 32, 128256, 8192, kv_heads=8, ff_ratio=3.5, gated=True, tied=False)
MIXTRAL = Architecture(
    32, 4096, 32, 32000, 4096, kv_heads=8, ff_ratio=3.5, gated=True, tied=False, experts=8, active_experts=2
)


@pytest.mark.parametrize("model", [GPT2, GPT3])
def test_non_embedding_parameters_are_twelve_layers_width_squared(model):
    assert model.non_embedding_params == 12 * model.layers * model.width**2


@pytest.mark.parametrize(
    ("model", "params", "active"),
    [
        (GPT2, 124.44e6, 124.44e6),
        (GPT3, 175e9, 175e9),
        (LLAMA3_8B, 8.03e9, 8.03e9),
        (MIXTRAL, 46.7e9, 12.9e9),
    ],
    ids=["GPT-2", "GPT-3", "Llama 3 8B", "Mixtral 8x7B"],
)
def test_parameters_of_published_models(model, params, active):
    assert model.params == pytest.approx(params, rel=3e-3)
    assert model.active_params == pytest.approx(active, rel=3e-3)


def test_experts():
    assert MIXTRAL.sparsity == 0.75
    assert LLAMA3_8B.sparsity == 0
    shared = Architecture(1, 64, 4, 100, 128, experts=4, active_experts=1, shared_experts=1)
    assert shared.non_embedding_params - shared.active_non_embedding_params == 3 * shared.expert_params


def test_flops_of_a_token():
    """2N and attention, as in table 1 of Kaplan et al. 2020; and matrix by matrix, close to it for large models."""
    assert GPT3.forward_flops == 2 * GPT3.non_embedding_params + 2 * 96 * 2048 * 12288
    assert GPT3.exact_forward_flops == pytest.approx(2 * GPT3.params, rel=0.06)
    assert GPT3.training_flops(300e9) == pytest.approx(training_flops(175e9, 300e9), rel=0.06)
    assert GPT3.training_flops(1.0, exact=False) == 3 * GPT3.forward_flops


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": 0}, "layers of an architecture must be positive, not 0"),
        ({"heads": 7}, "width 64 is no multiple of 7 heads"),
        ({"kv_heads": 3}, "4 heads cannot share 3 key and value heads evenly"),
        ({"active_experts": 2}, "2 active experts of 1"),
    ],
)
def test_an_architecture_that_cannot_be_is_refused(changes, message):
    given = {"layers": 2, "width": 64, "heads": 4, "vocabulary": 100, "context": 128} | changes
    with pytest.raises(InputError, match=message):
        Architecture(**given)


def test_units_of_loss():
    assert nats_per_token(0.8, 4.5) == pytest.approx(2.495, abs=1e-3)  # .8 bits per byte, 4.5 bytes per token
    assert bits_per_unit(nats_per_token(0.8, 4.5), 4.5) == pytest.approx(0.8)
