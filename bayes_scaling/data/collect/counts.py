"""Parameters and tokens of a run, from its config and what it logged; and in words where they are from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from bayes_scaling.data.architecture import Architecture
from bayes_scaling.data.collect import keys
from bayes_scaling.data.collect.history import History
from bayes_scaling.data.units import Quantity, format_quantity, parse_quantity
from bayes_scaling.errors import InputError

_GATED = (
    "llama",
    "mistral",
    "mixtral",
    "qwen",
    "gemma",
    "olmo",
    "phi3",
    "smollm",
    "deepseek",
    "cohere",
    "granite",
)
"""What the names of families with gated feed-forward layers begin with."""

_LEARNED_POSITIONS = ("gpt2", "opt", "gpt_neo", "gpt_bigcode", "nanogpt")


class Params(NamedTuple):
    """N with embeddings and without (NaN where unknown), those that a token passes through, and where they are from."""

    total: float
    without_embeddings: float
    active: float
    how: str
    warnings: tuple[str, ...] = ()


class Count(NamedTuple):
    """A number, and where it is from."""

    value: float
    how: str


def params_of(history: History, named: str | None) -> Params:
    """The parameters of a run, from the key that was named, a count in its config, or its architecture.

    Raises
    ------
    InputError
        If there is none of these; the message begins in the middle of a sentence about the run.
    """
    config, said = history.config, tuple[str, ...]()
    if named is not None:
        value = asked(history, named, history.end)
        return Params(value, math.nan, value, named)
    key = keys.find(config, keys.PARAMS)
    counted, alone = keys.number(config, keys.PARAMS), keys.number(config, keys.WITHOUT_EMBEDDINGS)
    model = architecture_of(config)
    if model is None and counted is None:
        if not config:
            raise InputError(
                "has no config, so that its parameters are unknown; put a config.json beside it, or name what has them "
                "with params='...'"
            )
        raise InputError(
            f"has neither a number of parameters nor an architecture in its config ({keys.listed(config)}); name "
            "the key that has it with params='...'"
        )
    if model is None:
        assert counted is not None
        return Params(counted, alone or math.nan, counted, f"{key} of the config")
    how = (
        f"{model.layers} layers of width {model.width}, vocabulary {model.vocabulary}, "
        f"{'tied' if model.tied else 'untied'} embeddings"
    )
    if _tied(config) is None:
        said = ("its config does not say whether embeddings are tied, and they are taken as tied",)
    total = counted or float(model.params)
    if counted is not None:
        if abs(math.log(counted / model.params)) > 0.1:
            said = (
                f"its config says {format_quantity(counted)} parameters ({key}), and its architecture has "
                f"{format_quantity(model.params)} ({how}); the first is taken",
            )
        how = f"{key} of the config; {how}"
    return Params(
        total, alone or model.non_embedding_params, total - model.params + model.active_params, how, said
    )


def architecture_of(config: Mapping[str, object]) -> Architecture | None:
    """The transformer that a config describes, under the names of Hugging Face, nanoGPT, Megatron and others.

    None where layers, width, heads or vocabulary are not there, or what is there has layers of several kinds.
    """

    def count(names: str) -> int | None:
        found = keys.number(config, names)
        return None if found is None else round(found)

    layers = count("num_hidden_layers n_layer n_layers num_layers layers depth")
    width = count("hidden_size n_embd d_model model_dim embed_dim dim width")
    heads = count("num_attention_heads n_head n_heads num_heads heads")
    vocabulary = count("padded_vocab_size vocab_size n_vocab vocabulary_size vocabulary")
    if layers is None or width is None or heads is None or vocabulary is None:
        return None
    if keys.number(config, "first_k_dense_replace") or keys.flag(config, "is_encoder_decoder"):
        return None
    family = _family(config)
    experts = count("num_local_experts num_experts n_routed_experts moe_num_experts") or 1
    gated = keys.flag(config, "swiglu use_swiglu gated gated_mlp glu")
    if gated is None:
        key = keys.find(config, "hidden_act activation_function activation activation_type mlp_type")
        act = str(config[key]).lower() if key else ""
        gated = family.startswith(_GATED) or "glu" in act or act == "silu"
    inner = (experts > 1 and keys.number(config, "moe_intermediate_size")) or keys.number(
        config, "intermediate_size n_inner ffn_hidden_size ffn_dim mlp_hidden_size d_ff"
    )
    ratio = inner / width if inner else keys.number(config, "mlp_ratio ff_ratio")
    if gated and ratio is None:
        return None  # 8/3 or another one
    if ratio and gated and keys.find(config, "activation_type"):
        ratio /= 2  # OLMo counts both halves of what it splits
    positions = str(config.get("position_embedding_type", ""))
    try:
        return Architecture(
            layers, width, heads, vocabulary,
            context=count(f"n_positions max_position_embeddings n_ctx {keys.LENGTH}") or 1,
            head_width=count("head_dim kv_channels"),
            kv_heads=count("num_key_value_heads num_kv_heads n_kv_heads num_query_groups"),
            ff_ratio=ratio or 4.0,
            gated=gated,
            experts=experts,
            active_experts=min(count("num_experts_per_tok num_experts_per_token moe_top_k") or 1, experts),
            shared_experts=count("n_shared_experts") or 0,
            tied=_tied(config) is not False,
            learned_positions=family in _LEARNED_POSITIONS or "learned" in positions,
        )  # fmt: skip
    except InputError:  # heads that do not divide the width, and the like: no transformer of this kind
        return None


def _family(config: Mapping[str, object]) -> str:
    """The kind of model: what the config calls it, or nanoGPT by its own two names."""
    if key := keys.find(config, "model_type"):
        return keys.plain(str(config[key]))
    return "nanogpt" if keys.find(config, "n_embd") and keys.find(config, "block_size") else ""


def _tied(config: Mapping[str, object]) -> bool | None:
    """Whether input embedding and output layer are one matrix; None where nothing says so."""
    tied = keys.flag(config, "tie_word_embeddings tied_embeddings tie_embeddings weight_tying")
    untied = keys.flag(config, "untie_embeddings_and_output_weights")
    if tied is None and untied is not None:
        return not untied
    # Both leave out what is their default.
    return True if tied is None and _family(config) else tied


def tokens_at(history: History, step: float, named: str | None, per_step: Quantity | None) -> Count:
    """The tokens that a run had seen at a step: as logged, or steps x batch x length.

    Raises
    ------
    InputError
        If neither is known; the message begins in the middle of a sentence about the run.
    """
    if named is not None:
        return Count(asked(history, named, step), named)
    seen = keys.find(history.curves, keys.TOKENS)
    if seen and per_step is None:
        return Count(history.curves[seen].at(step), f"{seen} as logged")
    if not step:  # as results of the harness, whose model does not say its step
        raise InputError(
            "has no step to count its tokens by; name what has them with tokens='...' (command line: --tokens), a key "
            "of its config"
        )
    each = _tokens_per_step(history.config) if per_step is None else _given(history, per_step)
    return Count(step * each.value, f"{step:g} steps x {each.how}")


def _given(history: History, per_step: Quantity) -> Count:
    """Tokens of a step, as a quantity or by a key of the config."""
    try:
        value = parse_quantity(per_step, "tokens_per_step")
    except InputError:
        if not isinstance(per_step, str):
            raise
        return Count(asked(history, per_step, 0.0), per_step)
    return Count(value, f"{format_quantity(value, 6)} tokens")


def _tokens_per_step(config: Mapping[str, object]) -> Count:
    """Tokens of a step of the optimiser: sequences of a batch, accumulated batches and devices included, x length."""
    if (each := keys.number(config, keys.TOKENS_PER_STEP)) is not None:
        return Count(each, f"{each:g} tokens ({keys.find(config, keys.TOKENS_PER_STEP)})")
    length = keys.number(config, keys.LENGTH)
    accumulated = keys.number(config, keys.ACCUMULATION) or 1
    devices = keys.number(config, keys.DEVICES)
    found = next(
        (names for names in (keys.GLOBAL_BATCH, keys.DEVICE_BATCH, keys.BATCH) if keys.number(config, names)),
        None,
    )
    remedy = (
        "give tokens_per_step=... (command line: --tokens-per-step), or name what has the tokens with tokens='...' "
        "(--tokens)"
    )
    if found is None or length is None:
        lacking = " and ".join(
            what for what, there in (("batch size", found), ("sequence length", length)) if there is None
        )
        raise InputError(f"logs steps and no tokens, and its config has no {lacking}; {remedy}")
    batch, key = keys.number(config, found), keys.find(config, found)
    assert batch is not None
    if found == keys.DEVICE_BATCH and devices is None:
        raise InputError(f"has {key} {batch:g} in its config, and no number of devices; {remedy}")
    if found == keys.BATCH and (devices or 1) > 1:
        raise InputError(
            f"has {key} {batch:g} and {devices:g} devices in its config, which does not say whether that is "
            f"the batch of one of them; {remedy}"
        )
    factors = [(batch, "sequences")]
    if found != keys.GLOBAL_BATCH:
        factors += [(accumulated, "accumulated"), (devices or 1, "devices")]
    factors = [(value, what) for value, what in factors if value != 1 or what == "sequences"]
    return Count(
        math.prod(value for value, _ in factors) * length,
        " x ".join([*(f"{value:g} {what}" for value, what in factors), f"{length:g} tokens"]),
    )


def asked(history: History, named: str, step: float) -> float:
    """A number by the key or metric that was named, ``"key"`` or ``"key*1e9"``.

    Raises
    ------
    InputError
        If there is none of that name, or it is no positive number.
    """
    name, star, factor = named.rpartition("*")
    name = name.strip() if star else named
    key = keys.named(history.config, name)
    metric = None if key else keys.named(history.curves, name)
    if key is None and metric is None:
        raise InputError(
            f"has neither a key nor a metric {name!r}; its config has {keys.listed(history.config) or 'nothing'}"
        )
    value: object = history.config[key] if key else history.curves[metric or ""].at(step)
    times = parse_quantity(factor, f"the factor of {named!r}") if star else 1.0
    try:
        return parse_quantity(value) * times  # type: ignore[arg-type]
    except InputError:
        raise InputError(f"has {value!r} under {name!r}, where a positive number is expected") from None
