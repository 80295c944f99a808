"""The verb that gates variants: on the command line what Python answers, from a table or a saved fit."""

import numpy as np
import pandas as pd
import pytest
from helpers import instant_fit, instant_sampling

import bayes_scaling as bs
from bayes_scaling.inference.result import as_json


@pytest.fixture
def variants(tmp_path):
    """A table of three variants at three rungs."""
    rows = [
        {"flops": c, "loss": 1.6 + 0.8 * times * (c / 1e20) ** -0.15, "variant": name}
        for name, times in {"base": 1.0, "better": 0.97, "worse": 1.02}.items()
        for c in (1e19, 1e20, 1e21)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "variants.csv", index=False)
    return "variants.csv"


ASKED = ("--group", "variant", "--baseline", "base", "--at", "1e23")


@pytest.fixture
def instantly():
    with instant_sampling():
        yield


@pytest.mark.usefixtures("instantly", "judged")
class TestATable:
    @pytest.mark.seconds
    def test_it_is_fitted_as_variants_are_and_answers_as_python_does(self, answers, variants, tmp_path):
        found = answers("gate", variants, *ASKED, "--save", "fit.nc", "-o", "gate.png")
        fit = bs.open_fit("fit.nc")
        assert fit.law.name == "gpt4"
        assert dict(fit.pooling) == bs.for_variants("gpt4")["pooling"]
        assert fit.noise == bs.Noise()
        assert fit.law.priors["A"].group_spread == 0.04
        python = fit.gate("base", at="1e23")
        assert found["sentences"] == python.sentences()
        assert found["table"] == as_json(python.table().to_dict("records"))
        assert (tmp_path / "gate.png").read_bytes().startswith(b"\x89PNG")

    @pytest.mark.seconds
    def test_a_pinned_floor_a_tight_prior_and_another_pooling(self, run, variants):
        code, out, _ = run(
            "gate", variants, *ASKED, "--prior", "E=1.6", "--prior", "A=LogNormal(0.8, 0.05)", "--pooling",
            "alpha=partial", "--noise", "flops", "--save", "fit.nc",
        )  # fmt: skip
        assert code == 0
        assert out.endswith("Next: bayes-scaling plot fit.nc\n")
        fit = bs.open_fit("fit.nc")
        assert fit.law.name == "gpt4@E=1.6"
        assert dict(fit.pooling) == {"A": "partial", "alpha": "partial", "sigma": "complete"}
        assert fit.law.priors["A"] == bs.LogNormal(0.8, 0.05, between=0.04)
        assert fit.noise.slope_in == "flops"
        code, out, _ = run("summary", "fit.nc")
        assert "pinned: known, and not sampled" in out

    def test_a_file_that_is_there_is_kept(self, run, variants, tmp_path):
        (tmp_path / "fit.nc").write_text("mine")
        code, _, err = run("gate", variants, *ASKED, "--save", "fit.nc")
        assert code == 2
        assert err.startswith("error: fit.nc exists and is kept")
        assert (tmp_path / "fit.nc").read_text() == "mine"

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (("--baseline", "base"), "there are no variants to compare; fit a table grouped by variant"),
            (("--group", "variant", "--baseline", "bass"), "the groups of this fit are base, better, worse"),
        ],
    )
    def test_what_has_nothing_to_compare_is_refused_before_it_is_fitted(
        self, run, variants, given, message, tmp_path
    ):
        code, _, err = run("gate", variants, *given, "--save", "fit.nc")
        assert code == 2
        assert message in err
        assert not (tmp_path / "fit.nc").exists()

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (("--prior", "F=1"), "law 'gpt4' has no parameter 'F'; its parameters are E, A, alpha"),
            (("--prior", "E=-1"), "E cannot be pinned to -1.0 in law 'gpt4': its prior allows no such value"),
            (("--prior", "E=low"), "--prior 'E=low' is no prior; expected one of Normal, LogNormal, LogitNormal"),
            (("--law", "chinchila"), "unknown law 'chinchila': did you mean 'chinchilla'?"),
        ],
    )  # fmt: skip
    def test_what_is_refused(self, run, variants, given, message):
        code, out, err = run("gate", variants, *ASKED, *given)
        assert (code, out) == (2, "")
        assert message in err


@pytest.mark.usefixtures("judged")
class TestASavedFit:
    @pytest.fixture
    def saved_fit(self, variants):
        runs = bs.load_runs(variants, group="variant", inputs=("flops",))
        instant_fit(runs, "gpt4", **bs.for_variants("gpt4")).save("fit.nc")
        return "fit.nc"

    @pytest.mark.seconds
    def test_it_answers_without_sampling(self, answers, saved_fit):
        found = answers("gate", saved_fit, "--baseline", "base", "--rungs", "1e19,1e20", "--threshold", "1.1")
        python = bs.open_fit(saved_fit).gate("base", rungs=["1e19", "1e20"], threshold=1.1)
        assert found["sentences"] == python.sentences()
        np.testing.assert_allclose([row["flops"] for row in found["table"][:2]], [1e19, 1e20])

    @pytest.mark.seconds
    def test_options_of_a_table_are_no_options_of_a_fit(self, run, saved_fit):
        code, out, err = run("gate", saved_fit, "--baseline", "base", "--prior", "E=1.6")
        assert (code, out) == (2, "")
        assert err == "error: --prior is for a table of runs, and fit.nc is fitted already; leave it out\n"
