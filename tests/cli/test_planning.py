"""The verbs that plan: on the command line what Python answers, and pictures."""

import pytest

import bayes_scaling as bs
from bayes_scaling.inference.result import as_json


def test_allocate_agrees_with_python(answers, run, pile, pile_fit):
    expected = pile_fit.allocate(["1e24", "1e25"], group="pythia")
    argv = ("allocate", pile, "--flops", "1e24,1e25", "--group", "pythia")
    document = answers(*argv)
    assert document["table"] == as_json(expected.table().to_dict("records"))
    assert document["warnings"] == expected.warnings
    _, first, *_, further = run(*argv)[1].split("\n\n")
    heading, *rows = first.splitlines()
    assert further == f"Next: bayes-scaling risk {pile} --flops 1e24,1e25\n"
    assert heading.split()[:3] == ["flops", "params", "(90%)"]
    assert [row.split()[0] for row in rows] == ["1e24", "1e25"]


@pytest.mark.seconds
def test_plan_reads_hardware_and_says_what_cannot_be(run, answers, single, single_fit, tmp_path):
    machine = ("--accelerators", "100", "--kind", "a100", "--time", "1 month", "--utilisation", "0.3,0.5")
    found = answers("plan", single, *machine, "--max-params", "5B")
    hardware = bs.Hardware(100, "A100", "1 month", (0.3, 0.5))
    expected = single_fit.plan(hardware=hardware, max_params="5B")
    assert found["table"] == as_json(expected.table().to_dict("records"))
    assert found["sentences"] == [said.removesuffix(".") for said in expected.sentences()]
    code, out, err = run("plan", single, "--target", "0.9")
    assert code == 0
    assert out.startswith("a loss of 0.9")
    table = out.partition("\n\n")[2]
    assert "new run" not in table, "what has no answer is left out"
    assert err.startswith("warning: a loss of 0.9 is out of reach in ")
    code, out, _ = run("plan", single, *machine)
    assert out.startswith("100 A100 for 30.4 days at 30% to 50% of 3.12e14 FLOPs a second")
    assert [line.split("  ")[0] for line in out.partition("\n\n")[2].splitlines()[:4]] == [
        "question",
        "flops (90%)",
        "params (90%)",
        "tokens (90%)",
    ]
    code, _, err = run("plan", single, *machine, "--utilisation", "0.5x")
    assert (code, err.partition(";")[0]) == (2, "error: utilisation is '0.5x'")
    code, out, err = run("plan", single, "--kind", "H100")
    assert (code, err.startswith("error: hardware is --accelerators, --kind and --time together")) == (
        2,
        True,
    )


@pytest.mark.seconds
def test_planning_verbs_agree_with_python_and_draw(
    answers, run, single, pile, single_fit, pile_fit, tmp_path
):
    found = answers("risk", single, "--flops", "1e23", "--target", "2.05", "-o", "risk.png")
    assert found["table"] == as_json(single_fit.risk("1e23", target=2.05).table().to_dict("records"))
    found = answers("serve", single, "--served", "1T,10T", "--like", "10B:200B", "-o", "serve.png")
    assert found["table"] == as_json(
        single_fit.serve(["1T", "10T"], like=("10B", "200B")).table().to_dict("records")
    )
    found = answers("contrast", pile, "--flops", "1e21,1e22", "-o", "contrast.png")
    assert found["table"] == as_json(pile_fit.contrast(["1e21", "1e22"]).table().to_dict("records"))
    found = answers("exponents", single, "--params", "1B", "--tokens", "20B", "-o", "exponents.png")
    assert found["table"] == as_json(single_fit.exponents("1B", "20B").table().to_dict("records"))
    found = answers("plan", single, "--flops", "1e23,1e24", "-o", "plan.png")
    assert found["table"] == as_json(single_fit.plan(["1e23", "1e24"]).table().to_dict("records"))
    heading, *rows = run("exponents", pile)[1].split("\n\n")[1].splitlines()
    assert {"quantity", "group", "median"} <= set(heading.split())
    assert len(rows) == 3 * (3 + 2 + 3), "exponents, dimensions and doublings of each group"
    for name in ("risk", "serve", "contrast", "exponents", "plan"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_warnings_of_an_allocation_go_to_stderr(run, pile, monkeypatch):
    monkeypatch.setattr(bs.Allocation, "warnings", ["half of the draws have no optimum"])
    code, out, err = run("allocate", pile, "--flops", "1e24")
    assert code == 0
    assert err == "warning: half of the draws have no optimum\n"
    assert "half" not in out


@pytest.mark.seconds
def test_design_agrees_with_python_and_begins_without_a_fit(answers, run, pile, pile_fit, tmp_path):
    given = {"optimum_at": "1e24", "group": "pythia", "max_runs": 3}
    found = answers(
        "design", pile, "--budget", "1e22", "--optimum-at", "1e24", "--group", "pythia", "--max-runs", 3
    )
    assert found["table"] == as_json(pile_fit.design("1e22", **given).table().to_dict("records"))
    (tmp_path / "runs.csv").write_text("params,tokens,group\n1e9,2e10,pythia\n2e9,2e10,pythia\n")
    found = answers(
        *("design", pile, "--budget", "1e22", "--loss-at", "70B:2T", "--group", "pythia"),
        *("--candidates", "runs.csv", "-o", "design.svg"),
    )
    assert {row["params"] for row in found["table"]} <= {1e9, 2e9}
    assert "<svg" in (tmp_path / "design.svg").read_text()

    grid = answers("design", "--budget", "1e20", "--law", "kaplan")
    assert grid["runs"] == as_json(bs.isoflop_grid("1e20", "kaplan").to_dict("records"))
    assert run("design", "--budget", "1e20", "--optimum-at", "1e24") == (
        2,
        "",
        "error: --optimum-at needs a fit; without one, runs are laid out by a prior\n",
    )
