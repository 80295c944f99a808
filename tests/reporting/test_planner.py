"""The planner's page: its formulas, run on the draws in it, give the numbers of the verbs on the same draws."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from helpers import instant_fit, simulated_runs

import bayes_scaling as bs
from bayes_scaling.data.cost import cost_of
from bayes_scaling.forecast.predict import forecast
from bayes_scaling.planning.loss_surface import LossSurface
from bayes_scaling.reporting.planner import thinned

pytestmark = pytest.mark.seconds

NODE = shutil.which("node") or shutil.which("nodejs")
ASKED = [("3e21", 1.9), ("1e23", 1.75), ("1e24", 1.6)]


@pytest.fixture(scope="module", params=["constant", "discrepancy", "own FLOPs"])
def fit(request):
    runs, noise = bs.datasets.load("pile"), request.param
    if noise == "own FLOPs":
        table = runs.table.assign(flops=40 * runs.params**0.9 * runs.tokens)
        runs, noise = bs.load_runs(table, silence="flops"), "constant"
    return instant_fit(runs, "chinchilla", noise=noise, draws=40)


@pytest.fixture(scope="module")
def page(fit):
    return bs.planner(fit, group="pythia")


def numbers(page):
    return re.search(r'<script id="page" type="application/json">(.*?)</script>', page, re.DOTALL)[1]


def computed(page, tmp_path, asked, call="plan(page, one)"):
    """What the page's own functions say."""
    functions = page.partition("<script>")[2].partition("const page = unpack(")[0]
    (tmp_path / "page.json").write_text(numbers(page))
    (tmp_path / "run.js").write_text(
        f"{functions}\nconst page = unpack(JSON.parse(require('fs').readFileSync('page.json', 'utf8')));\n"
        f"console.log(JSON.stringify({json.dumps(asked)}.map(one => {call})));\n"
    )
    done = subprocess.run([NODE, "run.js"], cwd=tmp_path, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.skipif(NODE is None, reason="runs the page's script: needs node")
def test_its_numbers_are_those_of_the_verbs(fit, page, tmp_path):
    same, cost = thinned(fit), cost_of(fit.runs)
    asked = [{"flops": float(flops), "target": target, "served": 1e12} for flops, target in ASKED]
    for (flops, target), found in zip(ASKED, computed(page, tmp_path, asked), strict=True):
        plan = bs.Fit.allocate(same, flops, group="pythia")
        low, high = plan.interval(0.9)
        for name, wanted in {"paramsLow": low, "paramsHigh": high, "params": plan.median()}.items():
            # The ripples of a discrepancy make valleys so flat that sizes apart by 5% differ by 3e-5 of the loss.
            assert found[name] == pytest.approx(float(wanted), rel=0.08 if fit.noise.joint else 0.03), name
        # The page has one noise for all places; what a verb says differs by its draws alone.
        place = {name: found[name] for name in ("params", "tokens")}
        reached = forecast(same, place, group="pythia", alike=True)
        if not cost.own:
            by_verb = bs.Fit.predict(same, **place, group="pythia").median()
            assert found["loss"] == pytest.approx(float(by_verb), rel=5e-3)
        low, high = reached.interval(0.9)
        for name, wanted in {"low": low, "high": high, "loss": reached.median()}.items():
            assert found[name] == pytest.approx(float(wanted), rel=2e-3), name
        assert found["chance"] == pytest.approx(float(reached.prob_below(target).squeeze()), abs=0.03)
        assert cost.flops(found["params"], found["tokens"]) == pytest.approx(float(flops))
        assert found["serving"] == pytest.approx(1e12 / 3 * cost.flops(found["params"], 1.0))


@pytest.mark.skipif(NODE is None, reason="runs the page's script: needs node")
def test_each_draw_has_its_best_size(fit, page, tmp_path):
    same, draws = thinned(fit), "page.noise.map((_, draw) => optimum(page, draw, Math.log10(one)))"
    [found] = computed(page, tmp_path, [1e24], draws)
    best = bs.Fit.allocate(same, "1e24", group="pythia").params.squeeze().transpose("chain", "draw")
    sizes, surface = best.copy(data=10 ** np.reshape(found, best.shape)), LossSurface(same, "pythia")
    here, there = (surface.loss(n, surface.cost.tokens(1e24, n)) for n in (sizes, best))
    more = np.log(here / there)
    assert float(more.max()) < 1e-4


@pytest.mark.skipif(NODE is None, reason="runs the page's script: needs node")
def test_data_that_run_out_go_to_parameters(page, tmp_path):
    [free, few] = computed(
        page, tmp_path, [{"flops": 1e24, "target": 1}, {"flops": 1e24, "target": 1, "maxTokens": 1e11}]
    )
    assert (free["capped"], few["capped"], few["tokens"]) == (False, True, pytest.approx(1e11))
    assert few["params"] > free["params"]
    assert few["loss"] > free["loss"]


def test_it_needs_no_network_and_text_cannot_end_its_script(page, tmp_path):
    assert "http" not in page.replace("http-equiv", "")
    assert not re.search(r"@import|url\(|<link|src=", page)
    hostile = instant_fit(
        bs.load_runs(
            simulated_runs({"E": 1.8, "A": 0.35, "B": 0.3, "alpha": 0.34, "beta": 0.29}).table,
            name="</script><script>alert(1)</script>",
        ),
        "chinchilla",
    )
    page = bs.planner(hostile)
    assert "<script>alert" not in page
    assert page.count("<script") == 2
    assert "<" not in numbers(page)


def test_every_slider_has_a_label_and_a_value(page):
    for label in re.findall(r"<label>(.*?)</label>", page, re.DOTALL):
        assert re.match(r"[\w%() ]+ <output", label)
        assert "<input" in label
    assert np.array_equal(
        sorted(re.findall(r'<input id="(\w+)"', page)), ["cap", "flops", "gpus", "months", "served", "target"]
    )


def test_what_it_cannot_do_is_said(tmp_path, fit):
    other = instant_fit(
        bs.load_runs(simulated_runs({"E": 1.8, "A": 0.35, "B": 0.3, "alpha": 0.34, "beta": 0.29}).table),
        "power_floor",
    )
    with pytest.raises(
        bs.InputError, match="a planner needs a law of params and tokens; law 'power_floor' takes"
    ):
        bs.planner(other)
    (tmp_path / "page.html").write_text("mine")
    with pytest.raises(bs.InputError, match="exists"):
        bs.planner(fit, tmp_path / "page.html")
