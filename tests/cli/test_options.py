"""Options are the arguments of the functions: their names, defaults and words."""

import inspect
from importlib import import_module

import click
import pytest

import bayes_scaling as bs
from bayes_scaling.cli import signatures
from bayes_scaling.cli.demo import demo
from bayes_scaling.cli.main import VERBS, verbs
from bayes_scaling.cli.values import reader_options
from bayes_scaling.data.columns import OPTIONAL, REQUIRED
from bayes_scaling.evaluation.approaches import approaches
from bayes_scaling.forecast.predict import predict
from bayes_scaling.inference.sample_many import sample_many
from bayes_scaling.planning.allocate import allocate
from bayes_scaling.planning.contrast import contrast
from bayes_scaling.planning.exponents import exponents
from bayes_scaling.planning.gate import gate
from bayes_scaling.planning.plan import plan
from bayes_scaling.planning.risk import risk
from bayes_scaling.planning.serving import serve
from bayes_scaling.planning.transfer import transfer
from bayes_scaling.reporting.plot import KINDS

EVERY_VERB = [verb for _, names in VERBS.values() for verb in names]
PICTURE = {"output", "force"}
COLUMNS = {"column", "inputs", *reader_options()}
TOP = click.Context(verbs, **verbs.context_settings)


def command(verb):
    return verbs.get_command(TOP, verb)


def asked(verb, *argv):
    """Each option and argument of a verb with its value, where only what is required is given."""
    return command(verb).make_context(verb, list(argv), TOP).params


def arguments_of(*functions):
    settings = [bs.Sampler] if bs.fit in functions else []  # its fields are the keywords of `fit`
    return {
        name: parameter.default
        for function in reversed([*functions, *settings])
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD
    }


@pytest.mark.parametrize(
    ("line", "functions", "python_only", "command_line_only"),
    [
        ("collect r", [bs.collect], set(), PICTURE | {"picture", "json"}),
        ("fit r.csv -o f.nc", [bs.fit], {"progress"}, COLUMNS | PICTURE | {"json", "prob"}),
        ("fit-many r.csv --folder f", [bs.fit_many, sample_many, bs.fit], {"progress", "tables"},
            COLUMNS | {"json"}),
        ("summary f.nc", [bs.Fit.summary], set(), {"json"}),
        ("diagnose f.nc", [bs.Fit.diagnose], set(), {"json"}),
        ("predict f.nc", [predict, bs.Forecast.table], {"self"}, {"input", "below", "json"}),
        ("two-step f.nc g.nc", [bs.two_step, bs.Forecast.table], {"self"}, {"input", "below", "json"}),
        ("allocate f.nc --flops 1", [allocate, bs.Allocation.table], {"self"}, {"input", "json"}),
        ("plan f.nc", [plan, bs.Plan.table], {"self", "hardware"},
            PICTURE | {"input", "json", "accelerators", "kind", "time", "utilisation", "peak"}),
        ("risk f.nc", [risk, bs.Risk.table], {"self"}, PICTURE | {"input", "json"}),
        ("serve f.nc --served 1", [serve, bs.Serving.table], {"self"}, PICTURE | {"input", "json"}),
        ("contrast f.nc --flops 1", [contrast, bs.Contrast.table], {"self"}, PICTURE | {"input", "json"}),
        ("exponents f.nc", [exponents, bs.Exponents.table], {"self"}, PICTURE | {"input", "json"}),
        ("transfer f.nc", [transfer, bs.Transfer.table], {"self"}, PICTURE | {"json"}),
        ("design f.nc --budget 1", [bs.design], set(), PICTURE | {"law", "json"}),
        ("gate r.csv --law gpt4 --baseline b", [gate, bs.fit, bs.Gate.table], {"fit", "self", "progress", "runs"},
            COLUMNS | PICTURE | {"source", "save", "json"}),
        ("register f.nc c.json", [bs.Fit.register, predict, bs.Card.table], {"path", "self"},
            {"card", "input", "json"}),
        ("follow c.json --log l.jsonl", [bs.follow, bs.Following.table], {"self"}, PICTURE | {"json"}),
        ("score c.json --loss 1", [bs.score, bs.Outcome.table], {"self"}, {"json"}),
        ("ledger", [bs.ledger, bs.Ledger.table], {"self"}, PICTURE | {"json"}),
        ("compare r.csv", [bs.compare, bs.fit], {"fits", "law", "progress", "runs"},
            COLUMNS | {"source", "laws", "json"}),
        ("compare-pooling r.csv", [bs.compare_pooling, bs.fit], {"pooling", "progress"},
            COLUMNS | PICTURE | {"json"}),
        ("backtest r.csv", [bs.backtest, sample_many, bs.fit], {"progress", "tables"},
            COLUMNS | PICTURE | {"json"}),
        ("approaches f.nc", [approaches, bs.Approaches.table], {"progress", "self"}, PICTURE | {"json"}),
        ("report f.nc --backtest -o r.html", [bs.report], {"path"}, {"output"}),
        ("planner f.nc -o p.html", [bs.planner], {"path"}, {"output"}),
        ("demo", [demo], {"folder", "progress"}, {"output", "json"}),
    ],
)  # fmt: skip
def test_options_are_the_arguments_of_the_functions(line, functions, python_only, command_line_only):
    """Whatever only one side has is named here: a new argument is an option or stands in this list."""
    options, arguments = asked(*line.split()), arguments_of(*functions)
    assert set(options) - set(arguments) == command_line_only
    assert set(arguments) - set(options) == python_only
    for name in set(options) & set(arguments):
        if arguments[name] is not inspect.Parameter.empty:
            assert (options[name] or None) == (arguments[name] or None) or f"--{name} " in line, name


@pytest.mark.parametrize("line", ["fit r.csv", "compare r.csv", "gate r.csv --baseline b"])
def test_a_table_is_read_with_all_that_load_runs_takes(line):
    command_line, table = asked(*line.split()), arguments_of(bs.load_runs)
    own = set(reader_options())
    assert {"loss_unit", "response", "decimal", "silence", "finished"} <= own
    assert {name: command_line[name] for name in own} == {name: table[name] for name in own}
    assert set(table) - own == {"source", "inputs", "name", *REQUIRED, *OPTIONAL}


@pytest.mark.parametrize("verb", EVERY_VERB)
def test_every_option_of_every_verb_has_words(verb, run):
    assert [p.name for p in command(verb).params if not p.help] == []
    code, out, err = run(verb, "-h")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: bayes-scaling {verb}")


@pytest.mark.parametrize(
    "name",
    [
        "api.fit", "api.fit_many", "data.load.load_runs", "evaluation.approaches.approaches",
        "evaluation.backtest.backtest",
        "forecast.predict.predict", "forecast.two_step.two_step", "planning.compute.hardware.Hardware",
        "planning.design.design.design", "planning.plan.plan", "reporting.html.report", "sampling.settings.Sampler",
    ],
)  # fmt: skip
def test_a_signature_read_from_the_source_is_the_one_that_python_sees(name):
    module, _, own = name.rpartition(".")
    function = getattr(import_module(f"bayes_scaling.{module}"), own)
    read = signatures.signature(name)
    seen = {n: p for n, p in inspect.signature(function).parameters.items() if p.kind is not p.VAR_KEYWORD}
    defaults = {n: p.default for n, p in seen.items() if p.default is not p.empty}
    found = {n: read.arguments[n].default for n in seen}
    assert {n: default for n, default in found.items() if default is not signatures.REQUIRED} == defaults
    assert signatures.summary(name) == function.__doc__.partition("\n")[0]


def test_words_are_those_of_the_docstring():
    words = signatures.signature("api.fit").arguments
    assert words["group"].text.startswith("The column that names each run's group (corpus, ")
    assert words["draws"].text == words["chains"].text != ""
    assert words["parallel"].kind == '{"threads", "vectorised"}, optional'
    assert words["pooling"].annotation == "Pooling | Mapping[str, Pooling]"


def test_every_picture_of_a_fit_is_a_kind_with_its_arguments_as_options():
    options = {parameter.name: parameter for parameter in command("plot").params}
    assert options["kind"].type.choices == tuple(KINDS)
    arguments = arguments_of(*(getattr(bs.plot, kind) for kind in KINDS))
    assert options.keys() - arguments.keys() == {"output", "force", "kind", "dark"}
    assert arguments.keys() - options.keys() == {"ax"}
    assert [name for name, option in options.items() if option.required] == ["fit"]
