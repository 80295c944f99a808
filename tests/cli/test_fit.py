"""The verbs that fit and check."""

import json

import pytest
from helpers import instant_sampling, simulated_runs

import bayes_scaling as bs
from bayes_scaling.inference.result import as_json

CSV = "params,tokens,loss\n1e8,2e9,3.4\n2e8,4e9,3.1\n4e8,8e9,2.9\n"


@pytest.mark.seconds
def test_summary_and_diagnose_agree_with_python(answers, run, pile, pile_fit):
    document = answers("summary", pile)
    assert document["summary"] == as_json(pile_fit.summary().reset_index(names="quantity").to_dict("records"))
    diagnosis = answers("diagnose", pile)
    assert diagnosis.items() >= document["diagnosis"].items()
    assert diagnosis["sentences"] == pile_fit.diagnose().sentences()
    assert (diagnosis["ok"], diagnosis["ess_bulk"]) == (True, pile_fit.diagnose().ess_bulk)
    _, out, _ = run("summary", pile)
    assert "E[cerebras]" in out
    assert "A_tau" in out
    assert max(map(len, out.partition("\n\n")[2].splitlines())) <= 80


@pytest.mark.seconds
def test_fit_saves_and_prints(run, table, sampled, single_fit):
    code, out, err = run("fit", table, "-o", "fit.nc")
    assert (code, err) == (0, "".join(f"warning: {said}\n" for said in single_fit.diagnose().warnings))
    assert "The chains converged" in out
    assert "sigma" in out
    assert out.endswith("\nSaved as fit.nc.\n\nNext: bayes-scaling report fit.nc\n")
    assert max(map(len, out.partition("\n\n")[2].splitlines())) <= 80
    assert bs.open_fit("fit.nc").summary().equals(single_fit.summary())


@pytest.mark.seconds
def test_fit_passes_its_options_on(answers, tmp_path, sampled):
    (tmp_path / "runs.csv").write_text(CSV.replace("params,", "N,"))
    document = answers(
        *("fit", "runs.csv", "-o", "fit.nc", "--law", "kaplan", "--column", "params=N", "--noise", "flops"),
        *("--pooling", "E=complete", "--pooling", "A=none", "--draws", 7, "--chains", 2, "--max-warmup", 9),
        *("--seed", 5, "--prob", 0.5),
    )
    (call,) = sampled
    assert call.pop("runs").params.tolist() == [1e8, 2e8, 4e8]
    assert call == {
        "law": "kaplan",
        "noise": "flops",
        "pooling": {"E": "complete", "A": "none"},
        "priors": None,
        "draws": 7,
        "chains": 2,
        "max_warmup": 9,
        "seed": 5,
        "parallel": None,
        "target_accept": bs.Sampler().target_accept,
        "progress": False,
    }
    assert "50% lower" in document["summary"][0]
    assert document["diagnosis"]["ok"]


@pytest.mark.seconds
@pytest.mark.parametrize(
    ("given", "pooling"),
    [
        ([], None),
        (["--pooling", "none"], "none"),
        (["--pooling", "E=none,A=complete"], {"E": "none", "A": "complete"}),
    ],
)
def test_pooling(run, table, sampled, given, pooling):
    assert run("fit", table, "-o", "fit.nc", *given)[0] == 0
    assert sampled[0]["pooling"] == pooling


def test_group_is_read_as_text(run, tmp_path, sampled):
    (tmp_path / "runs.csv").write_text(
        "params,tokens,loss,corpus\n1e8,2e9,3.4,007\n2e8,4e9,3.1,007\n4e8,8e9,2.9,08\n"
    )
    assert run("fit", "runs.csv", "-o", "fit.nc", "--group", "corpus")[0] == 0
    assert sampled[0]["runs"].groups == ["007", "08"]


def test_progress_stays_out_of_stdout(run, table, sampled, monkeypatch):
    monkeypatch.setattr("bayes_scaling.cli.fit.at_a_terminal", lambda: True)
    code, out, _ = run("fit", table, "-o", "fit.nc", "--json")
    assert code == 0
    assert sampled[0]["progress"] is True
    assert json.loads(out)["law"] == "chinchilla"


def test_warnings_of_a_table_are_sentences_on_stderr(run, tmp_path, sampled):
    (tmp_path / "runs.csv").write_text(CSV + "1e8,2e9,3.4\n")
    code, out, err = run("fit", "runs.csv", "-o", "fit.nc", "--json")
    assert code == 0
    of_table, *of_fit = err.splitlines()
    assert of_table.startswith("warning: runs.csv: ")
    assert of_fit == [f"warning: {said}" for said in json.loads(out)["warnings"]]
    assert json.loads(out)["fit"] == "fit.nc"


@pytest.mark.seconds
def test_what_was_said_when_a_table_was_read_is_not_said_again(run, tmp_path):
    (tmp_path / "runs.csv").write_text(CSV + "1e8,2e9,3.4\n")
    with instant_sampling():
        _, out, err = run("fit", "runs.csv", "--noise", "constant", "-o", "fit.nc", "--json")
    assert err.count("are the same in params, tokens, loss") == 1
    assert any("are the same in params, tokens, loss" in said for said in json.loads(out)["warnings"])


@pytest.mark.seconds
def test_a_failed_diagnosis_is_loud_and_exits_with_1(run, table, sampled, judged, pile):
    judged("the chains disagree", "too few draws")
    code, out, err = run("fit", table, "-o", "fit.nc", "--json")
    assert code == 1
    assert err.splitlines()[-1] == (
        "DO NOT TRUST THESE NUMBERS: fit.nc failed its diagnosis: the chains disagree "
        "(and 1 more: see `bayes-scaling diagnose`)"
    )
    assert json.loads(out)["diagnosis"]["failures"] == ["the chains disagree", "too few draws"]
    assert bs.open_fit("fit.nc").law.name == "chinchilla"

    code, out, err = run("predict", pile, "--params", "1B", "--tokens", "1T")
    assert code == 1
    assert "1B parameters on 1T tokens" in out
    assert err.splitlines()[-1].startswith("DO NOT TRUST THESE NUMBERS: ")


def test_a_missing_column_says_how_to_map_it(run, tmp_path):
    (tmp_path / "runs.csv").write_text(CSV.replace("params,tokens,loss", "parms,tok,loss"))
    assert run("fit", "runs.csv", "-o", "fit.nc") == (
        2,
        "",
        "error: runs.csv has no column 'params' to read params from and no column 'tokens' to read tokens from; "
        "its columns are 'parms', 'tok', 'loss'. Did you mean 'parms' and 'tok'? Map them with params='parms', "
        "tokens='tok' (command line: --column params=parms --column tokens=tok).\n",
    )


@pytest.mark.seconds
def test_columns_go_by_their_usual_names_and_it_says_which(run, tmp_path, sampled):
    rows = CSV.replace("params,tokens,loss", "N,num_tokens_b,val_loss,corpus").replace("e9,", ",")
    (tmp_path / "runs.csv").write_text(
        rows.replace("3.4", "3.4,a").replace("3.1", "3.1,b").replace("2.9", "2.9,a")
    )
    code, _, err = run("fit", "runs.csv")
    assert code == 0
    assert err.startswith(
        "runs.csv: took params from 'N', tokens from 'num_tokens_b*1e9', loss from 'val_loss'; "
        "all runs share one law; --group corpus gives each corpus its own\n"
    )
    assert sampled[0]["runs"].tokens.tolist() == [2e9, 4e9, 8e9]
    assert bs.open_fit("runs.nc").law.name == "chinchilla"
    assert "--force" in run("fit", "runs.csv")[2]


def test_it_says_what_was_derived(run, tmp_path, sampled):
    (tmp_path / "runs.csv").write_text("D,C,loss\n2e9,1.2e18,3.4\n4e9,4.8e18,3.1\n8e9,1.92e19,2.9\n")
    _, _, err = run("fit", "runs.csv")
    assert err.startswith("runs.csv: took tokens from 'D', flops from 'C', params by C = 6ND\n")
    assert sampled[0]["runs"].params.tolist() == pytest.approx([1e8, 2e8, 4e8])


@pytest.mark.seconds
@pytest.mark.parametrize("missed", [True, False])
def test_a_law_that_misses_its_runs_may_want_groups(run, tmp_path, sampled, judged, missed):
    (tmp_path / "runs.csv").write_text(
        "params,tokens,loss,Corpus\n1e8,2e9,3.4,a\n2e8,4e9,3.1,b\n4e8,8e9,2.9,a\n"
    )
    judged(unbelievable=["law 'chinchilla' misses its runs by 20% of their loss"] if missed else [])
    _, out, err = run("fit", "runs.csv", "--column", "loss=loss")
    assert ("from another: fit with --group Corpus\n" in err) == missed
    by_group = "Next: bayes-scaling fit runs.csv --column loss=loss --group Corpus --force\n"
    assert out.endswith(by_group) == missed


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--law", "chinchila"], "unknown law 'chinchila': did you mean 'chinchilla'? the laws are "),
        (
            ["--noise", "pink"],
            "unknown noise 'pink'; expected 'constant', 'curve', ",
        ),
        (
            ["--column", "parms=N"],
            "--column parms=... is unknown; the columns are params, tokens, loss, flops, ",
        ),
        (["--column", "N"], "--column 'N' is not of the form name=value\n"),
        (["--column", "params=N", "--column", "params=M"], "--column gives 'params' twice\n"),
        (
            ["--group", "a", "--column", "group=b"],
            "--group and --column group=... both name the group's column; ",
        ),
        (["--pooling", "E=some"], "pooling of 'E' is 'some'; expected one of complete, partial, none\n"),
        (["--draws", "0"], "draws is 0; expected a whole number from 1 on\n"),
        (["--group", "corpus"], "runs.csv has no column 'corpus' to read group from; "),
    ],
)
def test_bad_options_of_fit(run, table, argv, message):
    code, out, err = run("fit", table, "-o", "fit.nc", *argv)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


def test_a_table_that_is_not_there(run):
    code, out, err = run("fit", "runs.csv", "-o", "fit.nc")
    assert (code, out) == (2, "")
    assert err.startswith("error: there is no file 'runs.csv'; check the path (relative to ")


def test_an_output_in_no_folder_is_refused_before_sampling(run, table, sampled):
    assert run("fit", table, "-o", "none/fit.nc") == (
        2,
        "",
        "error: cannot write none/fit.nc: the folder none does not exist\n",
    )
    assert sampled == []


@pytest.mark.seconds
def test_an_existing_output_is_kept_byte_for_byte_unless_forced(run, table, tmp_path, sampled):
    output = tmp_path / "fit.nc"
    output.write_bytes(b"precious")
    code, out, err = run("fit", table, "-o", "fit.nc")
    assert (code, out) == (2, "")
    assert err == "error: fit.nc exists and is kept; pass force=True (command line: --force) to replace it\n"
    assert output.read_bytes() == b"precious"
    assert sampled == []
    assert run("fit", table, "-o", "fit.nc", "--force")[0] == 0
    assert bs.open_fit(output).law.name == "chinchilla"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fit.nc", "runs.csv"]


def test_files_that_are_no_fits(run, tmp_path, saved):
    (tmp_path / "corrupt.nc").write_bytes((saved / "single.nc").read_bytes()[:2000])
    code, out, err = run("predict", "corrupt.nc", "--params", "1B", "--tokens", "1T")
    assert (code, out) == (2, "")
    assert err.startswith("error: corrupt.nc cannot be read as a netCDF file (")
    assert err.endswith("; is it damaged?\n")

    import xarray as xr

    xr.Dataset({"x": ("i", [1.0])}).to_netcdf(tmp_path / "foreign.nc", engine="h5netcdf")
    assert run("summary", "foreign.nc") == (
        2,
        "",
        "error: foreign.nc was not written by bayes_scaling: it has no provenance\n",
    )
    assert run("diagnose", "absent.nc") == (2, "", "error: no file absent.nc\n")


@pytest.mark.seconds
def test_many_tables_are_fitted_and_a_bad_one_is_said(run, judged, tmp_path):
    runs = simulated_runs({"E": 1.8, "A": 0.35, "B": 0.3, "alpha": 0.34, "beta": 0.29}, n=40)
    runs.table.to_csv("good.csv", index=False)
    runs.table.drop(columns="loss").to_csv("bad.csv", index=False)
    with instant_sampling():
        code, out, err = run("fit-many", "good.csv", "bad.csv", "--folder", "fits", "--draws", 500)
        assert code == 1
        assert err.startswith("warning: bad: bad.csv has no column 'loss'")
        assert err.endswith("\nwarning: 1 of 2 tables have no fit to trust: bad\n")
        assert [line.split()[0] for line in out.partition("\n\n")[0].splitlines()] == ["table", "bad", "good"]
        assert [path.name for path in (tmp_path / "fits").iterdir()] == ["good.nc"]
        code, out, _ = run("fit-many", "good.csv", "--folder", "fits", "--draws", 500, "--json")
    (row,) = json.loads(out)["fits"]
    assert (code, row["table"], row["resumed"], row["ok"]) == (0, "good", True, True)


@pytest.mark.seconds
def test_priors_are_set_on_the_command_line_and_in_a_file(run, table, judged, tmp_path):
    (tmp_path / "priors.toml").write_text('E = "LogNormal(1.7, spread=0.3)"\nbeta = "LogNormal(.3, .1)"\n')
    with instant_sampling():
        run("fit", table, "-o", "a.nc", "--prior", "priors.toml", "--prior", "beta=LogNormal(.35, .2)")
    law = bs.open_fit("a.nc").law
    assert (law.priors["E"], law.priors["beta"]) == (bs.LogNormal(1.7, 0.3), bs.LogNormal(0.35, 0.2))
    for given, expected in {
        "alpha=exp(1)": "--prior 'alpha=exp(1)' is no prior; expected one of Normal, LogNormal, LogitNormal",
        "alpha": "--prior 'alpha' is no prior",
        "alpha=LogNormal(-1, 1)": "a log-normal prior's median must lie above 0, not be -1.0",
        "gamma=Normal(0, 1)": "has no parameter 'gamma'",
        "none.toml": "none.toml cannot be read as a TOML file",
    }.items():
        code, _, err = run("fit", table, "-o", "b.nc", "--prior", given)
        assert code == 2
        assert expected in err


LAW = """
from bayes_scaling import LogNormal, law

@law(formula="E + A N^-alpha", cite="mine", E=LogNormal(1.7, 0.3), A=LogNormal(0.3, 1.0), alpha=LogNormal(0.3, 0.4))
def of_a_file(N, *, E, A, alpha):
    return E + A * N**-alpha
"""


@pytest.mark.seconds
def test_a_law_of_ones_own_comes_from_a_file(run, table, judged, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(LAW)
    monkeypatch.delitem(bs.LAWS, "of_a_file", raising=False)
    with instant_sampling():
        out = run("fit", table, "-o", "a.nc", "--law", "mine.py:of_a_file")[1]
        run("fit", table, "-o", "tokens.nc", "--law", "mine.py:of_a_file:tokens")
        compared = run("compare", table, "--no-refit", "--no-ahead", "--laws", "mine.py:of_a_file,kaplan_n")
    assert "\nNext: bayes-scaling --laws mine.py report a.nc" in out, "without the file it would not open"
    assert bs.open_fit("a.nc").law.name == "of_a_file"
    assert bs.open_fit("tokens.nc").law.columns == ("tokens",)
    assert "of_a_file" in compared[1]
    assert "Next: bayes-scaling --laws mine.py backtest" in compared[1]
    monkeypatch.delitem(bs.LAWS, "of_a_file")
    code, _, err = run("summary", "a.nc")
    assert code == 2
    assert "define it with @law before opening the file, as " in err
    assert (
        f"as {tmp_path / 'mine.py'} does (command line: bayes-scaling --laws {tmp_path / 'mine.py'} " in err
    )
    assert run("--laws", "mine.py", "summary", "a.nc")[0] == 0
    assert (
        "has no law 'other'; it declares of_a_file"
        in run("fit", table, "-o", "b.nc", "--law", "mine.py:other")[2]
    )
    assert "no file none.py" in run("--laws", "none.py", "laws")[2]
    monkeypatch.delitem(bs.LAWS, "of_a_file")
