"""The names under which trackers and configs have what a table of runs needs."""

import re
from collections.abc import Iterable, Mapping
from functools import cache

from bayes_scaling.data.units import parse_quantity
from bayes_scaling.errors import InputError

PARAMS = (
    "num_parameters n_parameters parameters num_params n_params params total_params total_parameters "
    "parameter_count param_count model_num_parameters num_total_params"
)
WITHOUT_EMBEDDINGS = (
    "non_embedding_params non_embedding_parameters params_non_embedding n_params_non_embedding "
    "num_params_non_embedding num_non_embedding_params params_without_embeddings"
)
TOKENS = (
    "tokens_seen num_input_tokens_seen total_tokens_seen consumed_tokens tokens_trained total_tokens "
    "num_tokens n_tokens train_tokens tokens"
)
TOKENS_PER_STEP = (
    "tokens_per_step tokens_per_batch tokens_per_iter batch_tokens global_batch_tokens batch_size_tokens"
)
LENGTH = (
    "seq_len seq_length sequence_length block_size max_seq_len max_seq_length max_sequence_length "
    "context_length ctx_len train_seq_len"
)
GLOBAL_BATCH = (
    "global_batch_size global_train_batch_size total_batch_size total_train_batch_size effective_batch_size"
)
DEVICE_BATCH = (
    "per_device_train_batch_size micro_batch_size train_micro_batch_size_per_gpu device_train_batch_size "
    "per_device_batch_size device_batch_size batch_size_per_device batch_size_per_gpu"
)
BATCH = "batch_size train_batch_size"
ACCUMULATION = (
    "gradient_accumulation_steps gradient_accumulation grad_accum_steps grad_accum "
    "accumulate_grad_batches accumulation_steps"
)
DEVICES = (
    "world_size num_devices n_devices devices num_gpus n_gpus ngpus data_parallel_size dp_size num_processes"
)
PLANNED_STEPS = (
    "max_steps total_steps num_steps train_steps num_train_steps training_steps num_training_steps "
    "max_iters train_iters num_iterations max_iterations n_steps"
)
SEED = "seed random_seed rng_seed"
STEP = "step global_step iter iter_num iteration it update train_global_step trainer_global_step"

_LOSS = {"loss", "lm", "language", "nll", "ce", "cross", "entropy", "xent"}
_VALIDATION = {"eval", "val", "valid", "validation", "evaluation", "dev", "heldout"}
_TEST = {"test"}
_TRAINING = {"train", "training"}
_MANNER = {"step", "epoch", "total", "mean", "avg", "metrics", "global"}
_CAPITAL = re.compile("(?<=[a-z])(?=[A-Z])")
_SHARE = re.compile(r"/(acc|acc_norm|exact_match|pass@?\d*|em)$")
_NO_LOSS = re.compile(r"stderr|std|perplexity|ppl|aux|z_loss|scale|balanc|router|best|min")

EVALUATION, OF_A_PART, TRAINING, SHARE = range(4)
"""What a metric is: a loss of held-out text, of one part of it, of training batches, or a share of test items."""

KINDS = ("evaluation loss", "evaluation loss of one part", "training loss", "share of test items")
"""Each in words."""


@cache
def plain(name: str) -> str:
    """A name in lower case, with underscores between its words."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def kind_of(metric: str) -> int | None:
    """What a metric is, by its name; None for what no law is fitted to."""
    words = set(plain(_CAPITAL.sub("_", metric)).split("_")) - _MANNER
    if _SHARE.search(metric):
        return SHARE
    if not words & (_LOSS - {"lm", "language", "cross", "entropy"}) and not {"cross", "entropy"} <= words:
        return None
    if _NO_LOSS.search(plain(metric)):
        return None
    if words & (_VALIDATION | _TEST):
        return EVALUATION if words <= _LOSS | _VALIDATION else OF_A_PART
    return TRAINING if words <= _LOSS | _TRAINING else None


def step_of(metrics: Mapping[str, object]) -> str | None:
    """The metric that has steps of the optimiser; ``_step`` counts calls of ``wandb.log``, which may be others."""
    others = {name: value for name, value in metrics.items() if name != "_step"}
    return find(others, f"train_global_step trainer_global_step {STEP}")


def find(settings: Mapping[str, object], names: str) -> str | None:
    """The key by one of these names, whole or behind its last slash or dot: the first name, and the shortest key."""
    known: dict[str, str] = {}
    for key in sorted(settings, key=len, reverse=True):
        if settings[key] not in (None, ""):
            known |= {plain(re.split(r"[/.]", key)[-1]): key, plain(key): key}
    return next((known[name] for name in names.split() if name in known), None)


def named(settings: Mapping[str, object], name: str) -> str | None:
    """The key of exactly this name, or else one that differs in case and signs alone."""
    return name if settings.get(name) not in (None, "") else find(settings, plain(name))


def number(settings: Mapping[str, object], names: str) -> float | None:
    """The positive number under one of these names, or None: where there is none, or a word such as "auto"."""
    key = find(settings, names)
    try:
        return None if key is None else parse_quantity(settings[key])  # type: ignore[arg-type]
    except InputError:
        return None


def flag(settings: Mapping[str, object], names: str) -> bool | None:
    """The switch under one of these names, also where it is written as a word; None where there is none."""
    key = find(settings, names)
    return None if key is None else str(settings[key]).lower() in ("true", "1", "yes")


def listed(names: Iterable[str], most: int = 6) -> str:
    """Names for a sentence."""
    quoted = [repr(name) for name in names]
    return ", ".join(quoted[:most]) + (f" and {len(quoted) - most} more" if len(quoted) > most else "")
