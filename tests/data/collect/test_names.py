"""What is read off the names that metrics and configs have in common trainers."""

import pytest

from bayes_scaling.data.collect import keys
from bayes_scaling.data.collect.counts import architecture_of


@pytest.mark.parametrize(
    ("metric", "kind"),
    [
        ("eval_loss", keys.EVALUATION),  # Hugging Face
        ("eval/loss", keys.EVALUATION),
        ("val/loss", keys.EVALUATION),  # nanoGPT
        ("val_loss_epoch", keys.EVALUATION),  # Lightning
        ("lm loss validation", keys.EVALUATION),  # Megatron
        ("metrics/eval/LanguageCrossEntropy", keys.EVALUATION),  # Composer
        ("validation_metrics/loss", keys.EVALUATION),  # torchtitan
        ("eval/c4_en/CrossEntropyLoss", keys.OF_A_PART),  # OLMo
        ("test_loss", keys.OF_A_PART),
        ("train/CrossEntropyLoss", keys.TRAINING),
        ("loss_metrics/global_avg_loss", keys.TRAINING),
        ("loss/train/total", keys.TRAINING),
        ("lm loss", keys.TRAINING),
        ("loss", keys.TRAINING),
        ("arc_easy/acc_norm", keys.SHARE),
        ("loss_metrics/global_max_loss", None),
        ("loss_scale", None),
        ("train/aux_loss", None),
        ("eval/loss_stderr", None),
        ("eval/best_loss", None),
        ("eval_perplexity", None),
        ("entropy", None),
        ("grad_norm", None),
        ("glossary", None),
    ],
)
def test_kinds_of_metrics(metric, kind):
    assert keys.kind_of(metric) == kind


PUBLISHED = {
    # Parameters as published, biases and norms left out.
    "gpt2": (
        {"model_type": "gpt2", "n_layer": 12, "n_head": 12, "n_embd": 768, "n_positions": 1024, "vocab_size": 50257},
        124.4e6,
    ),
    "pythia-160m": (
        {
            "model_type": "gpt_neox", "num_hidden_layers": 12, "num_attention_heads": 12, "hidden_size": 768,
            "intermediate_size": 3072, "vocab_size": 50304, "hidden_act": "gelu", "tie_word_embeddings": False,
            "max_position_embeddings": 2048,
        },
        162.3e6,
    ),
    "llama-7b": (
        {
            "model_type": "llama", "num_hidden_layers": 32, "num_attention_heads": 32, "hidden_size": 4096,
            "intermediate_size": 11008, "vocab_size": 32000, "hidden_act": "silu", "tie_word_embeddings": False,
        },
        6.738e9,
    ),
    "mistral-7b": (
        {
            "model_type": "mistral", "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
            "hidden_size": 4096, "intermediate_size": 14336, "vocab_size": 32000, "tie_word_embeddings": False,
        },
        7.242e9,
    ),
    "mixtral-8x7b": (
        {
            "model_type": "mixtral", "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
            "hidden_size": 4096, "intermediate_size": 14336, "vocab_size": 32000, "num_local_experts": 8,
            "num_experts_per_tok": 2, "tie_word_embeddings": False,
        },
        46.70e9,
    ),
    "olmo-1b": (
        {
            "d_model": 2048, "n_heads": 16, "n_layers": 16, "mlp_ratio": 8, "activation_type": "swiglu",
            "vocab_size": 50304, "weight_tying": True,
        },
        1.177e9,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_of_published_models(name):
    config, params = PUBLISHED[name]
    assert architecture_of(config).params == pytest.approx(params, rel=3e-3)


def test_what_is_no_single_transformer_is_not_counted():
    dense_first = PUBLISHED["mixtral-8x7b"][0] | {"first_k_dense_replace": 1}
    assert architecture_of(dense_first) is None
    assert architecture_of({"is_encoder_decoder": True, **PUBLISHED["gpt2"][0]}) is None
    assert architecture_of({"n_layer": 12, "n_embd": 768}) is None
    no_width_of_its_gates = {k: v for k, v in PUBLISHED["llama-7b"][0].items() if k != "intermediate_size"}
    assert architecture_of(no_width_of_its_gates) is None
