"""Which law is fitted where none is named."""

import warnings
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest

import bayes_scaling as bs
from bayes_scaling.cli.main import main
from bayes_scaling.inference.default_law import default_law
from bayes_scaling.inference.spec import make_spec
from bayes_scaling.laws import get_law

TRUTH = {"E": 1.2, "A": 1.2, "B": 0.8, "alpha": 0.35, "beta": 0.4}


def sweep(seed, ceiling=None, noise=0.01, groups=1):
    """Byte models, from a loss near log 256 down where there is a ceiling."""
    n, d = (x.ravel() for x in np.meshgrid(np.geomspace(3e3, 4e5, 6), np.geomspace(1e6, 3e8, 6)))
    law = get_law("chinchilla" if ceiling is None else "chinchilla+ceiling")
    values = TRUTH if ceiling is None else TRUTH | {"G": ceiling}
    rng = np.random.default_rng(seed)
    tables = [
        pd.DataFrame(
            {
                "params": n,
                "tokens": d,
                "loss": law(n / 3e4, d / 2e7, **values) * np.exp(noise * rng.standard_normal(n.size)),
                "group": f"corpus {g}",
            }
        )
        for g in range(groups)
    ]
    return pd.concat(tables, ignore_index=True)


@pytest.mark.seconds
@pytest.mark.parametrize("groups", [1, 3])
def test_a_ceiling_is_taken_where_the_largest_losses_bend_towards_one(groups):
    law, why = default_law(bs.load_runs(sweep(1, ceiling=5.55, groups=groups)))
    assert law.name == "chinchilla+ceiling"
    assert why.startswith("law 'chinchilla+ceiling', because the largest losses (up to ")
    assert why.endswith("law='chinchilla' has none")
    found = float(why.partition("at about ")[2].partition(")")[0])
    assert found == pytest.approx(5.55, rel=0.15)


@pytest.mark.seconds
@pytest.mark.parametrize("unit", [0.05, 1 / np.log(2), 40.0])
def test_the_choice_knows_no_unit(unit):
    for ceiling, name in ((5.55, "chinchilla+ceiling"), (None, "chinchilla")):
        table = sweep(2, ceiling)
        with pytest.warns(bs.DoubtfulInputWarning) if unit == 40.0 else nullcontext():
            runs = bs.load_runs(table.assign(loss=unit * table["loss"]))
        assert default_law(runs)[0].name == name


@pytest.mark.parametrize(("rise", "noise"), [(0.0, 0.01), (0.06, 0.0)])
def test_losses_that_do_not_fall_bend_towards_no_ceiling(rise, noise):
    n, d = (
        x.ravel() for x in np.meshgrid(np.geomspace(2e7, 2e9, 4), np.geomspace(4e8, 4e11, 5), indexing="ij")
    )
    scatter = np.exp(noise * np.random.default_rng(4).standard_normal(n.size))
    loss = (1 if rise else 3) * (1 + rise * np.log10(n * d / 1e16)) * scatter
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.DoubtfulInputWarning)
        law, why = default_law(bs.load_runs(pd.DataFrame({"params": n, "tokens": d, "loss": loss})))
    assert (law.name, why) == ("chinchilla", "")


@pytest.mark.seconds
def test_without_a_ceiling_one_is_rarely_taken():
    taken = [default_law(bs.load_runs(sweep(seed)))[0].name != "chinchilla" for seed in range(20)]
    assert sum(taken) <= 1


def test_too_few_runs_are_not_asked():
    law, why = default_law(bs.load_runs(sweep(1, ceiling=5.55).iloc[:7]))
    assert (law.name, why) == ("chinchilla", "")


@pytest.mark.seconds
def test_a_law_that_is_named_is_taken():
    spec = make_spec(sweep(1, ceiling=5.55), "chinchilla")
    assert (spec.law.name, spec.because) == ("chinchilla", "")
    assert make_spec(sweep(1, ceiling=5.55)).law.name == "chinchilla+ceiling"
    assert make_spec(bs.datasets.load("pile")).law.name == "chinchilla"


@pytest.mark.sampling
def test_why_is_said_and_saved(tmp_path, capsys):
    sweep(1, ceiling=5.55).to_csv(tmp_path / "runs.csv", index=False)
    options = ["--noise", "constant", "--draws", "100", "--chains", "2", "--seed", "1"]
    main(["fit", str(tmp_path / "runs.csv"), "-o", str(tmp_path / "fit.nc"), *options])
    said = " ".join(capsys.readouterr().out.split())
    assert "law 'chinchilla+ceiling', because the largest losses" in said
    opened = bs.open_fit(tmp_path / "fit.nc")
    assert opened.law.name == "chinchilla+ceiling"
    assert opened.provenance["law_reason"] in said
    assert float(opened.posterior["G"].median()) == pytest.approx(5.55, rel=0.15)
    assert float(opened.posterior["E"].median()) == pytest.approx(TRUTH["E"], rel=0.25)
