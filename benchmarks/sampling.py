"""How fast a posterior is, beside plain numpyro, nutpie and PyMC: accuracy beside time.

    BAYES_SCALING_DATA=... uv run --group bench benchmarks/sampling.py [--only SECTION] [--redo] [--page]

Each section writes benchmarks/results/sampling_<section>.json when it is done, and is skipped while that file is there.
Every contender samples in a process of its own, three times; figures are medians. Sampling is timed warm on all sides:
the second run of a compiled program, with a new seed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results"
COMMAND = "BAYES_SCALING_DATA=../shared/data uv run --group bench benchmarks/sampling.py"
REPEATS = 3
LONG = {0: 20_000, 99: 10_000}
"""Draws per chain by seed: of the reference run, and of one that is compared with it."""


GROUPED = ("gadre", "gzip_pcfg")


def health(draws: dict[str, np.ndarray]) -> dict[str, Any]:
    """R-hat, ESS, mean and sd of each quantity; draws have leading shape (chain, draw)."""
    import arviz_base
    import arviz_stats

    table = arviz_stats.summary(arviz_base.from_dict({"posterior": draws}), round_to="none", ci_prob=0.9)
    table = table.astype(float)
    return {
        "r_hat": float(table["r_hat"].max()),
        "ess_bulk": float(table["ess_bulk"].min()),
        "ess_tail": float(table["ess_tail"].min()),
        "mean": table["mean"].to_dict(),
        "sd": table["sd"].to_dict(),
        "ess": table["ess_bulk"].to_dict(),
    }


# -- contenders, each run as `--contender NAME TABLE SEED`
# --------------------------------------------------------------------------------------------------------


def ours(table: str, seed: int) -> dict[str, Any]:
    """The package's sampler; log of A and B at N = D = 1 beside its own quantities."""
    import bayes_scaling as bs
    from bayes_scaling.inference.spec import make_spec
    from bayes_scaling.sampling.sample import sample
    from bayes_scaling.sampling.settings import Sampler

    runs = bs.datasets.external(table)
    job = make_spec(
        runs, "chinchilla", noise="constant", sampler=Sampler(seed=seed, draws=LONG.get(seed, 1000))
    ).job()
    if seed not in LONG:
        sample(replace(job, sampler=Sampler(seed=1000 + seed)))
    began = time.perf_counter()
    got = sample(job)
    seconds = time.perf_counter() - began
    quantities = {k: v for k, v in got.parameters.items() if v.ndim == 2 or table != "chinchilla_epoch"}
    if table == "chinchilla_epoch":
        p, reference = got.parameters, runs.reference
        quantities["log_A_1"] = np.log(p["A"]) + p["alpha"] * np.log(reference["params"])
        quantities["log_B_1"] = np.log(p["B"]) + p["beta"] * np.log(reference["tokens"])
    return {
        "seconds": seconds, "divergences": int(got.stats["diverging"].sum()),
        "steps": float(got.stats["n_steps"].mean()), "draws": int(got.stats["n_steps"].size),
        **health(_own_scale(quantities) if table in GROUPED else quantities),
    }  # fmt: skip


def raw_priors() -> dict[str, tuple[float, float]]:
    """The package's priors at N = D = 1: (median, spread) of log-normals, those of A_1 and B_1 wide."""
    return {
        "E": (1.7, 0.4), "A": (400.0, 2.0), "B": (1000.0, 2.0), "alpha": (0.35, 0.4), "beta": (0.35, 0.4),
        "sigma": (0.01, 1.0),
    }  # fmt: skip


def numpyro_raw(table: str, seed: int) -> dict[str, Any]:
    """Hand-written numpyro with its defaults on the raw parameters."""
    import numpyro

    numpyro.set_host_device_count(4)
    numpyro.enable_x64()
    import jax
    import jax.numpy as jnp
    import numpyro.distributions as dist
    from numpyro.infer import MCMC, NUTS

    import bayes_scaling as bs

    runs = bs.datasets.external(table)

    def model(n: Any, d: Any, y: Any) -> None:
        p = {k: numpyro.sample(k, dist.LogNormal(np.log(m), s)) for k, (m, s) in raw_priors().items()}
        nu = numpyro.sample("nu", dist.Gamma(2, 0.1))
        loss = p["E"] + p["A"] * n ** -p["alpha"] + p["B"] * d ** -p["beta"]
        numpyro.sample("y", dist.StudentT(nu, jnp.log(loss), p["sigma"]), obs=y)

    chains = MCMC(NUTS(model), num_warmup=1000, num_samples=1000, num_chains=4, progress_bar=False)
    data = runs.params, runs.tokens, runs.log_loss
    chains.run(jax.random.key(1000 + seed), *data)  # compiles
    began = time.perf_counter()
    chains.run(jax.random.key(seed), *data, extra_fields=("diverging", "num_steps"))
    got = {k: np.asarray(v) for k, v in chains.get_samples(group_by_chain=True).items()}
    seconds = time.perf_counter() - began
    extra = chains.get_extra_fields()
    return {
        "seconds": seconds, "divergences": int(extra["diverging"].sum()),
        "steps": float(np.mean(extra["num_steps"])), "draws": 4000, **health(_logs(got)),
    }  # fmt: skip


def numpyro_groups(table: str, seed: int) -> dict[str, Any]:
    """Hand-written non-centred numpyro with its defaults on the raw parameters of every group."""
    import numpyro

    numpyro.set_host_device_count(4)
    numpyro.enable_x64()
    import jax
    import jax.numpy as jnp
    import numpyro.distributions as dist
    from numpyro.infer import MCMC, NUTS

    import bayes_scaling as bs

    runs = bs.datasets.external(table)
    # Scales between groups; those of A and B at N = D = 1 hold the exponents' differences too.
    between = {"E": 0.3, "A": 2.0, "B": 2.0, "alpha": 0.1, "beta": 0.1, "sigma": 0.7}

    def model(n: Any, d: Any, group: Any, measured: Any, y: Any) -> None:
        p = {}
        for name, (median, spread) in raw_priors().items():
            mean = numpyro.sample(f"{name}_mean", dist.Normal(np.log(median), spread))
            tau = numpyro.sample(f"{name}_tau", dist.LogNormal(np.log(0.6 * between[name]), 0.5))
            z = numpyro.sample(f"{name}_z", dist.Normal(0, 1).expand([len(runs.groups)]))
            p[name] = numpyro.deterministic(name, jnp.exp(mean + tau * z))
        nu = numpyro.sample("nu", dist.Gamma(2, 0.1))
        own = {name: value[group] for name, value in p.items()}
        loss = own["E"] + own["A"] * n ** -own["alpha"] + own["B"] * d ** -own["beta"]
        scale = jnp.sqrt(own["sigma"] ** 2 + measured**2)
        numpyro.sample("y", dist.StudentT(nu, jnp.log(loss), scale), obs=y)

    chains = MCMC(NUTS(model), num_warmup=1000, num_samples=1000, num_chains=4, progress_bar=False)
    data = runs.params, runs.tokens, runs.group_index, runs.measurement_sd, runs.log_loss
    chains.run(jax.random.key(1000 + seed), *data)  # compiles
    began = time.perf_counter()
    chains.run(jax.random.key(seed), *data, extra_fields=("diverging", "num_steps"))
    got = {k: np.asarray(v) for k, v in chains.get_samples(group_by_chain=True).items()}
    seconds = time.perf_counter() - began
    extra = chains.get_extra_fields()
    return {
        "seconds": seconds, "divergences": int(extra["diverging"].sum()),
        "steps": float(np.mean(extra["num_steps"])), "draws": 4000,
        **health(_own_scale({k: v for k, v in got.items() if not k.endswith(("_z", "_mean"))})),
    }  # fmt: skip


def raw_pymc(runs: Any) -> Any:
    """The raw model in PyMC."""
    import pymc as pm

    with pm.Model() as model:
        p = {k: pm.LogNormal(k, np.log(m), s) for k, (m, s) in raw_priors().items()}
        nu = pm.Gamma("nu", 2, 0.1)
        loss = p["E"] + p["A"] * runs.params ** -p["alpha"] + p["B"] * runs.tokens ** -p["beta"]
        pm.StudentT("y", nu=nu, mu=pm.math.log(loss), sigma=p["sigma"], observed=runs.log_loss)
    return model


def nutpie_raw(table: str, seed: int) -> dict[str, Any]:
    """nutpie with its defaults on the raw PyMC model."""
    import nutpie

    import bayes_scaling as bs

    compiled = nutpie.compile_pymc_model(raw_pymc(bs.datasets.external(table)))
    began = time.perf_counter()
    tree = nutpie.sample(compiled, chains=4, seed=seed, progress_bar=False)
    seconds = time.perf_counter() - began
    stats, posterior = tree["sample_stats"], tree["posterior"]
    got = {k: posterior[k].to_numpy() for k in [*raw_priors(), "nu"]}
    return {
        "seconds": seconds, "divergences": int(stats["diverging"].sum()),
        "steps": float(stats["n_steps"].mean()), "draws": int(got["E"].size), **health(_logs(got)),
    }  # fmt: skip


def pymc_cold(table: str, seed: int) -> dict[str, Any]:
    """One pm.sample with its defaults on the raw model, in a fresh process, compilation included."""
    import pymc as pm

    import bayes_scaling as bs

    runs = bs.datasets.external(table)
    began = time.perf_counter()
    with raw_pymc(runs):
        tree = pm.sample(
            nuts_sampler="pymc", tune=1000, draws=1000, chains=4, random_seed=seed, progressbar=False
        )
    seconds = time.perf_counter() - began
    got = {k: tree["posterior"][k].to_numpy() for k in [*raw_priors(), "nu"]}
    return {
        "seconds": seconds,
        "divergences": int(tree["sample_stats"]["diverging"].sum()),
        **health(_logs(got)),
    }


def refits(table: str, seed: int) -> dict[str, Any]:
    """200 refits of random halves and more of the table by fit_many."""
    import bayes_scaling as bs

    runs, rng = bs.datasets.external(table), np.random.default_rng(seed)
    subsets = {
        f"subset {i}": runs.select(
            np.isin(np.arange(len(runs)), rng.permutation(len(runs))[: rng.integers(120, 240)])
        )
        for i in range(200)
    }
    began, r_hat, ok, count = time.perf_counter(), 0.0, 0, 0
    for outcome in bs.fit_many(subsets, "chinchilla", noise="constant", seed=seed):
        diagnosis = outcome.fit.diagnose() if outcome.fit else None
        count += 1
        ok += bool(diagnosis and diagnosis.ok)
        r_hat = max(r_hat, diagnosis.r_hat if diagnosis else np.inf)
    seconds = time.perf_counter() - began
    return {"seconds": seconds / count, "all_seconds": seconds, "ok": ok, "fits": count, "r_hat": r_hat}


def _own_scale(got: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Positive quantities as logarithms, whose sd is not that of a long tail; scales between groups as they are."""
    return {k: v if k.endswith("_tau") else np.log(v) for k, v in got.items()}


def _logs(got: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Raw draws under the names that all contenders share."""
    own = {k: v for k, v in got.items() if k not in ("A", "B")}
    return own | {"log_A_1": np.log(got["A"]), "log_B_1": np.log(got["B"])}


CONTENDERS: dict[str, Callable[[str, int], dict[str, Any]]] = {
    "ours": ours, "numpyro": numpyro_raw, "nutpie": nutpie_raw, "pymc": pymc_cold, "refits": refits,
    "numpyro-groups": numpyro_groups,
}  # fmt: skip

COLD = ("refits", "pymc")
"""Contenders whose compilation counts: they find no compiled program of an earlier process."""


def contender(name: str, table: str, seed: int) -> dict[str, Any]:
    """One run of a contender in a process of its own."""
    words = [sys.executable, __file__, "--contender", name, table, str(seed)]
    with tempfile.TemporaryDirectory() as empty:
        caches = {"XDG_CACHE_HOME": empty} if name in COLD else {}
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ | caches)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"  {name} {table} seed {seed}: {found['seconds']:.2f} s", flush=True)
    return found


# -- sections
# --------------------------------------------------------------------------------------------------------


def single() -> dict[str, Any]:
    """The 240-row fit: ours, numpyro and nutpie in turns, and a long run of ours as the reference."""
    table = "chinchilla_epoch"
    out: dict[str, Any] = {"reference": contender("ours", table, 0)}
    for seed in range(1, REPEATS + 1):
        for name in ("ours", "numpyro", "nutpie"):
            out.setdefault(name, []).append(contender(name, table, seed))
    return out


def groups() -> dict[str, Any]:
    """The hierarchical fits: ours and non-centred numpyro in turns, and two long runs of ours."""
    out: dict[str, Any] = {}
    for table in GROUPED:
        found = out[table] = {
            "reference": contender("ours", table, 0),
            "long": [contender("ours", table, 99)],
        }
        for seed in range(1, REPEATS + 1):
            for name in ("ours", "numpyro-groups"):
                found.setdefault(name, []).append(contender(name, table, seed))
    return out


def batch() -> dict[str, Any]:
    """200 refits of subsets, and one cold fit by PyMC's defaults."""
    return {
        name: [contender(name, "chinchilla_epoch", seed) for seed in range(1, REPEATS + 1)]
        for name in ("refits", "pymc")
    }


def command_line() -> dict[str, Any]:
    """Process start to the end of a fit, second run; and `--help`."""
    import bayes_scaling as bs

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.csv"
        bs.datasets.external("chinchilla_epoch").table[["params", "tokens", "loss"]].to_csv(path, index=False)
        fit = ["-m", "bayes_scaling", "fit", str(path), "-o", str(Path(folder) / "fit.nc"), "--force"]
        words = {
            "fit": fit,
            "imports": ["-c", "import pymc, arviz, numpyro"],
            "help": ["-m", "bayes_scaling", "--help"],
            "pass": ["-c", "pass"],
        }
        out: dict[str, Any] = {}
        for repeat in range(REPEATS + 1):
            for name, command in words.items():
                began = time.perf_counter()
                subprocess.run([sys.executable, *command], check=True, capture_output=True)
                if repeat:  # the first run fills caches, of the disk too
                    out.setdefault(name, []).append(time.perf_counter() - began)
    return out


def scaled(kind: str, size: int) -> dict[str, Any]:
    """One fit of simulated runs: time of a second fit, and the peak memory of the process."""
    import resource

    import pandas as pd

    import bayes_scaling as bs

    rng = np.random.default_rng(0)
    rows, groups = (size, 1) if kind == "rows" else (20 * size, size)
    log_n, log_d = rng.uniform(-3, 3, (2, rows))
    group = np.arange(rows) % groups
    floor = 1.8 * np.exp(0.1 * rng.standard_normal(groups))[group]
    loss = floor + 0.35 * np.exp(-0.34 * log_n) + 0.3 * np.exp(-0.29 * log_d)
    table = pd.DataFrame(
        {
            "params": 5e8 * np.exp(log_n), "tokens": 1e10 * np.exp(log_d),
            "loss": loss * np.exp(0.005 * rng.standard_t(5, rows)), "group": [f"g{i}" for i in group],
        }
    )  # fmt: skip
    runs = bs.load_runs(table)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.DoubtfulFitWarning)
        began = time.perf_counter()
        fit = bs.fit(runs, "chinchilla", noise="constant", seed=1)
    d = fit.diagnose()
    return {
        "seconds": time.perf_counter() - began, "gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "r_hat": d.r_hat, "ess_bulk": d.ess_bulk, "ess_tail": d.ess_tail, "divergences": d.divergences, "rows": rows,
        "steps": float(fit.tree["sample_stats"]["n_steps"].mean()),
    }  # fmt: skip


SIZES = {"rows": (240, 1000, 10_000, 100_000), "groups": (3, 10, 30, 100, 300)}


def size() -> dict[str, Any]:
    """Rows and groups, each fit in a process of its own; written after each, and taken up where it stopped."""
    path = RESULTS / "sampling_size.json"
    out = json.loads(path.read_text()) if path.exists() else {}
    for kind, sizes in SIZES.items():
        for n in sizes:
            if str(n) not in out.setdefault(kind, {}):
                out[kind][str(n)] = contender(kind, "simulated", n)
                path.write_text(json.dumps(out, indent=1))
    return out


CONTENDERS |= {
    "rows": lambda _, n: scaled("rows", n),
    "groups": lambda _, n: scaled("groups", n),
}
SECTIONS = {
    "single": single, "groups": groups, "command_line": command_line, "batch": batch, "size": size,
}  # fmt: skip


# -- the page
# --------------------------------------------------------------------------------------------------------


def bias(run: dict[str, Any], reference: dict[str, Any], raw: bool = False) -> str:
    """Worst difference of means in Monte-Carlo standard errors, and worst ratio of sd, to the reference run."""
    # Raw constants of groups belong to N = D = 1, ours to the reference point: only ours are compared.
    shared = [k for k in run["mean"] if k in reference["mean"] and not (raw and k[0] in "AB")]
    z = {
        k: (run["mean"][k] - reference["mean"][k])
        / np.hypot(run["sd"][k] / np.sqrt(run["ess"][k]), reference["sd"][k] / np.sqrt(reference["ess"][k]))
        for k in shared
    }
    worst = max(z, key=lambda k: abs(z[k]))
    ratio = max((run["sd"][k] / reference["sd"][k] for k in shared), key=lambda r: abs(np.log(r)))
    return f"{abs(z[worst]):.1f} ({worst}), {ratio:.3f}"


def table_of(section: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """Contenders beside each other: a row each, of medians; the last, "long", is of ours with 10,000 draws a chain."""
    heads = ["sampler", "seconds", "leapfrog steps a draw", "worst bulk ESS", "tail ESS", "ESS a draw"]
    heads += ["ESS a second", "ours is faster", "R-hat", "divergences", "bias: means (MCSE), sd ratio"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    rate = {n: float(np.median([r["ess_bulk"] / r["seconds"] for r in section[n]])) for n in names}
    for name in names:
        keys = ("seconds", "steps", "ess_bulk", "ess_tail", "r_hat", "draws")
        m = {k: float(np.median([r[k] for r in section[name]])) for k in keys}
        cells = [
            name,
            f"{m['seconds']:.2f}",
            f"{m['steps']:.1f}",
            f"{m['ess_bulk']:.0f}",
            f"{m['ess_tail']:.0f}",
        ]
        cells += [
            f"{m['ess_bulk'] / m['draws']:.2f}",
            f"{rate[name]:,.0f}",
            f"{rate['ours'] / rate[name]:.0f}x",
        ]
        cells += [f"{m['r_hat']:.3f}", f"{sum(r['divergences'] for r in section[name])}"]
        lines.append(
            "| "
            + " | ".join([*cells, bias(section[name][0], section["reference"], name == "numpyro-groups")])
            + " |"
        )
    return lines


def page() -> str:
    """The results as one page."""
    found = {
        name: json.loads(path.read_text())
        for name in SECTIONS
        if (path := RESULTS / f"sampling_{name}.json").exists()
    }
    lines = [
        "# Speed of sampling",
        "",
        f"Made by `{COMMAND}`; 2-core x86-64 CPU; medians of {REPEATS} repetitions. Sampling is timed warm on all sides",
        "(second run of a compiled program, warm-up included, new seed). Priors of the raw models are as wide as ours, but",
        "on A and B at N = D = 1 and on nu, so that their posteriors differ a little from the reference.",
    ]
    if s := found.get("single"):
        lines += ["", "## 240 runs, Chinchilla's law", "", *table_of(s, ("ours", "numpyro", "nutpie"))]
    for name, s in found.get("groups", {}).items():
        lines += ["", f"## {name}: groups partially pooled, against non-centred numpyro", ""]
        lines += table_of(s, ("ours", "numpyro-groups", "long"))
    if c := found.get("command_line"):
        m = {k: float(np.median(v)) for k, v in c.items()}
        lines += ["", "## The command line", "", "| what | seconds | against | ratio |", "|---|---|---|---|"]
        lines += [
            f"| `fit` of the 240 runs, process start to end, second run | {m['fit']:.2f} | `import pymc, arviz, numpyro`: {m['imports']:.2f} | {m['fit'] / m['imports']:.2f}x |"
        ]
        lines += [
            f"| `--help` | {m['help']:.3f} | `python -c pass`: {m['pass']:.3f} | {m['help'] / m['pass']:.1f}x |"
        ]
    if b := found.get("batch"):
        fit, cold = (float(np.median([r["seconds"] for r in b[k]])) for k in ("refits", "pymc"))
        lines += [
            "",
            "## 200 refits of random subsets",
            "",
            "| what | seconds a fit | R-hat (worst) | diagnosis passed |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| `fit_many`, compilation included | {fit:.2f} | {max(r['r_hat'] for r in b['refits']):.3f} | {sum(r['ok'] for r in b['refits'])} of {sum(r['fits'] for r in b['refits'])} |"
        ]
        lines += [
            f"| one cold `pm.sample` with its defaults, raw parameters | {cold:.0f} ({cold / fit:.0f}x) | {max(r['r_hat'] for r in b['pymc']):.3f} | |"
        ]
    if z := found.get("size"):
        for kind, rows in z.items():
            lines += [
                "",
                f"## {kind.capitalize()}",
                "",
                f"| {kind} | seconds | peak memory (GiB) | steps a draw | R-hat | worst bulk / tail ESS | divergences |",
                "|---|---|---|---|---|---|---|",
            ]
            lines += [
                f"| {int(n):,} | {r['seconds']:.1f} | {r['gib']:.2f} | {r['steps']:.0f} | {r['r_hat']:.3f} | {r['ess_bulk']:.0f} / {r['ess_tail']:.0f} | {r['divergences']} |"
                for n, r in rows.items()
            ]
        lines += [
            "",
            "One fit of simulated runs each, in a process of its own, compilation and imports included (20 runs a group).",
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SECTIONS)
    parser.add_argument("--redo", action="store_true")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--contender", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.contender:
        name, table, seed = args.contender
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            print(json.dumps(CONTENDERS[name](table, int(seed))))
        return
    if "BAYES_SCALING_DATA" not in os.environ:
        raise SystemExit("set BAYES_SCALING_DATA to the folder of third-party tables")
    for name in [] if args.page else [args.only] if args.only else SECTIONS:
        path = RESULTS / f"sampling_{name}.json"
        if args.redo:
            path.unlink(missing_ok=True)
        if name == "size" or not path.exists():
            print(f"{name} ...", flush=True)
            path.write_text(json.dumps(SECTIONS[name](), indent=1))
    (RESULTS / "sampling.md").write_text(page())


if __name__ == "__main__":
    main()
