"""A run beside its card while it goes on: what its curve says of its end, and what is said where nothing can be."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers import instant_fit, refuses, simulated_runs
from training_curves import HERO, SHARES, TRUTH, card, curve, end, hero, small_runs
from training_logs import lines, write_run

import bayes_scaling as bs
from bayes_scaling.data.trajectories import read_history
from bayes_scaling.forecast import curve_process, ratios
from bayes_scaling.forecast.card import open_card, write_card
from bayes_scaling.forecast.on_the_way import posterior, prior

pytestmark = pytest.mark.seconds  # together: curves are compared draw by draw

INPUTS = {"params": HERO[0], "tokens": HERO[1], "flops": 6 * HERO[0] * HERO[1]}


class TestCourse:
    def test_it_is_the_gaussian_process_that_it_says(self):
        """Against one covariance of all runs and points, factored as a whole."""
        rng = np.random.default_rng(2)
        t, x = np.array([0.3, 1.0, 2.5]), rng.normal(size=(7, 2))
        group = np.array([*"aabbbcc"])
        data = curve_process.Curves(t, rng.normal(0, 0.05, (7, 3)), x, group)
        s = curve_process.fit_scales(data) + rng.normal(0, 0.2, len(curve_process.SCALES))
        here, u = np.array([0.5, -1.0]), np.array([0.1, 1.0, 3.0])
        mean, covariance = curve_process.of_new_run(data, s, here, "b", u)

        everyone = np.vstack([x, here])
        same = np.equal.outer([*group, "b"], [*group, "b"]).astype(float)
        of_runs = curve_process.between_runs(s, everyone, everyone, same)[0]
        (shared, own), (to_new, _), (new, own_new) = (
            curve_process.of_time(s, *at) for at in ((t, t), (u, t), (u, u))
        )
        own = own + np.diag(np.exp(2 * s[3]) * t**2 + 1e-9)
        known = np.kron(of_runs[:7, :7], shared) + np.kron(np.eye(7), own)
        across = np.kron(of_runs[7:, :7], to_new)
        np.testing.assert_allclose(
            mean, across @ np.linalg.solve(known, data.y.ravel()), rtol=1e-6, atol=1e-9
        )
        wanted = of_runs[7, 7] * new + own_new - across @ np.linalg.solve(known, across.T)
        np.testing.assert_allclose(covariance, wanted, rtol=1e-6, atol=1e-9)

    def test_the_scales_are_at_their_highest_density(self):
        rng = np.random.default_rng(3)
        data = curve_process.Curves(
            np.array([0.3, 1.0, 2.5]),
            rng.normal(0, 0.05, (9, 3)),
            rng.normal(size=(9, 1)),
            np.array([*"aaabbbccc"]),
        )
        best = curve_process.fit_scales(data)

        def density(s):
            same = np.equal.outer(data.group, data.group).astype(float)
            (shared, own), of_runs = (
                curve_process.of_time(s, data.t, data.t),
                curve_process.between_runs(s, data.x, data.x, same)[0],
            )
            own = own + np.diag(np.exp(2 * s[3]) * data.t**2 + 1e-9)
            all_ = np.kron(of_runs, shared) + np.kron(np.eye(9), own)
            middle, sd = (
                np.log([m for m, _ in curve_process.SCALES.values()]),
                [sd for _, sd in curve_process.SCALES.values()],
            )
            y = data.y.ravel()
            of_data = -0.5 * y @ np.linalg.solve(all_, y) - 0.5 * np.linalg.slogdet(all_)[1]
            return of_data - 0.5 * (((s - middle) / sd) ** 2).sum()

        for direction in np.eye(len(best)):
            for step in (-0.3, 0.3):
                assert density(best + step * direction) < density(best)

    def test_ends_lie_where_their_curves_say(self):
        """Of 80 runs, twenty times the compute of their histories, nine in ten inside of 90%, early and halfway."""
        off = []
        for seed in range(80):
            course = ratios.course_of(read_history(small_runs(12, seed)), INPUTS)
            rows = curve(*HERO, np.random.default_rng(1000 + seed))
            for upto in (0.2, 0.5):
                at = SHARES[(course.start <= SHARES) & (upto >= SHARES)]
                mean, sd = course.end(at, np.log(rows["loss"].to_numpy()[np.isin(SHARES, at)]))
                off.append((np.log(rows["loss"].iloc[-1]) - mean) / sd)
        inside = np.mean(np.abs(off) < 1.645)
        assert 0.84 <= inside <= 0.97
        assert abs(np.mean(off)) < 0.3

    def test_it_knows_less_of_larger_runs_and_more_later(self):
        history = read_history(small_runs())
        near, far = (
            ratios.course_of(history, {"params": n, "tokens": d, "flops": 6 * n * d})
            for n, d in ((1e8, 4e9), (1e11, 2e12))
        )
        at = np.array([0.1, 0.5])
        assert near.beyond == 0
        assert far.beyond > 3
        early, later = (course.end(at[:1], np.zeros(1))[1] for course in (near, far))
        assert later > 2 * early
        assert near.end(at, np.zeros(2))[1] < early

    def test_the_order_of_runs_and_rows_does_not_matter(self):
        rows = small_runs()
        one, other = (
            ratios.course_of(read_history(table), INPUTS)
            for table in (rows, rows.sample(frac=1, random_state=1, ignore_index=True))
        )
        np.testing.assert_allclose(one.mean, other.mean, rtol=1e-4)

    def test_scatter_of_ends_that_no_curve_shows_is_not_counted_as_news(self):
        """Runs whose ends alone are off by 1%: a curve says little of that, however well it is known."""
        rows, rng = small_runs(40, sd=0.002), np.random.default_rng(4)
        ends = rows.tokens == rows.groupby("trajectory").tokens.transform("max")
        rows.loc[ends, "loss"] *= np.exp(0.01 * rng.standard_normal(ends.sum()))
        course = ratios.course_of(read_history(rows), INPUTS)
        assert course.end_variance**0.5 == pytest.approx(0.01, rel=0.3)
        at = np.array([0.1, 0.2, 0.4])
        _, slope, _ = course.given_end(at, 0.7, 0.01**2)
        assert (slope < 0.5).all()
        assert course.end(at, course.at(at)[0] + 0.7, 0.7, 0.01**2)[1] > 1.5 * 0.01
        wide = course.end(at, course.at(at)[0] + 0.7, 0.7, 0.1**2)
        assert wide == pytest.approx(course.end(at, course.at(at)[0] + 0.7), abs=0.002)

    def test_a_group_has_its_own_curves(self):
        rows = pd.concat(
            [small_runs(10, 1).assign(group="a"), small_runs(10, 2).assign(group="b")], ignore_index=True
        )
        steep = rows["group"] == "b"
        last = rows.groupby(["group", "trajectory"])["loss"].transform("min")
        rows.loc[steep, "loss"] = last * (rows["loss"] / last) ** 2
        half = [
            ratios.course_of(read_history(rows), INPUTS, group).at(np.array([0.5]))[0][0]
            for group in ("a", "b", "c")
        ]
        assert half[1] > 1.7 * half[0]
        assert half[0] < half[2] < half[1]

    def test_a_history_without_sizes_says_so(self):
        rows = small_runs()
        rows["progress"] = rows["tokens"] / rows.groupby("trajectory")["tokens"].transform("max")
        course = ratios.course_of(read_history(rows[["trajectory", "progress", "loss"]]), INPUTS)
        assert course.warnings == (
            "the history does not have the size and length of its runs: all curves are taken to be alike",
        )

    @pytest.mark.parametrize("count", [1, 2])
    def test_one_or_two_runs_are_no_history(self, count):
        with pytest.raises(bs.InputError, match=f"^the history has {count} finished runs? with a curve"):
            ratios.course_of(read_history(small_runs(count)), INPUTS)

    def test_few_runs_are_said_to_be_few(self):
        assert "the history has 5 runs" in ratios.course_of(read_history(small_runs(5)), INPUTS).warnings[0]


class TestPosterior:
    def test_two_normals_make_a_normal(self):
        from scipy.stats import norm

        before = prior(norm.ppf((np.arange(399) + 0.5) / 399, 0.7, 0.02))
        for mean, sd in ((0.7, 0.02), (0.72, 0.005), (0.64, 0.01)):
            found = posterior(before, mean, sd).equally_likely(399)
            weight = 0.02**2 / (0.02**2 + sd**2)
            assert found.mean() == pytest.approx(weight * mean + (1 - weight) * 0.7, abs=0.0006)
            assert found.std() == pytest.approx(0.02 * sd / np.hypot(0.02, sd), rel=0.06)

    def test_a_curve_may_lead_beyond_all_values_of_a_card(self):
        values = np.random.default_rng(0).normal(0.7, 0.01, 399)
        found = posterior(prior(np.sort(values)), 0.9, 0.005).equally_likely(399)
        assert 0.88 < found.mean() < 0.9


class TestFollow:
    def test_a_run_on_its_way(self):
        found = bs.follow(card(), hero(0.5))
        assert not found.left
        assert found.now == pytest.approx(0.5)
        low, high = found.interval(0.9)
        assert low < hero().loss.iloc[-1] < high
        assert found.width() < 0.5
        assert sum(found.outside()) < 0.1
        alone = found.alone()
        assert alone[0] < hero().loss.iloc[-1] < alone[1]
        assert alone[1] - alone[0] > high - low
        assert f"says {alone[0]:.4g} to {alone[1]:.4g} (90%)" in str(found)
        assert found.sentences()[0].startswith(
            "hero is within its band at 50% of training: it ends outside of the"
        )
        assert "intervals that were registered for 10%, 25%, 50% of training have the curve in 3 of 3" in str(
            found
        )
        assert "up to 1.3 powers of ten in compute below it" in found.sentences()[-1]

    def test_it_learns_as_it_goes(self):
        widths = [bs.follow(card(), hero(upto)).width() for upto in (0.05, 0.2, 0.5, 0.8)]
        assert widths == sorted(widths, reverse=True)

    @pytest.mark.parametrize(("off", "side"), [(0.08, 1), (-0.08, 0)])
    def test_a_run_that_has_left_its_band(self, off, side):
        found = bs.follow(card(), hero(0.5, off=off))
        assert found.left
        assert found.outside()[side] > 0.9
        assert found.sentences()[0].startswith("hero has left its band at 50% of training")

    def test_the_probability_is_that_of_ending_outside(self):
        """Runs of the card's own forecast: of those given so much chance to end outside, as many do."""
        rng = np.random.default_rng(5)
        chance, outside = [], []
        for seed in range(60):
            rows = curve(*HERO, np.random.default_rng(seed), off=0.02 * rng.standard_normal())
            found = bs.follow(card(), rows[rows.tokens < 0.45 * HERO[1]])
            low, high = found.card.interval(0.9)
            chance.append(sum(found.outside()))
            outside.append(not low <= rows.loss.iloc[-1] <= high)
        assert np.mean(chance) == pytest.approx(np.mean(outside), abs=0.06)
        assert np.mean([out for p, out in zip(chance, outside, strict=True) if p < 0.05]) < 0.1

    def test_a_history_given_later_is_that_of_the_card(self):
        mine, later = (
            bs.follow(card(with_history=known), hero(0.5), history=None if known else small_runs())
            for known in (True, False)
        )
        assert mine.values == later.values
        assert any("were registered for" in said for said in mine.sentences())
        assert not any("were registered for" in said for said in later.sentences())

    def test_the_run_itself_is_no_history_of_it(self):
        rows = pd.concat(
            [small_runs(), hero(0.5).assign(trajectory="hero", params=HERO[0])], ignore_index=True
        )
        found = bs.follow(card(with_history=False), hero(0.5), history=rows)
        assert found.course.runs == 20
        assert found.values == bs.follow(card(with_history=False), hero(0.5), history=small_runs()).values

    def test_progress_is_a_share(self):
        rows = small_runs()
        rows["progress"] = 100 * rows["tokens"] / rows.groupby("trajectory")["tokens"].transform("max")
        with refuses("the history has 'progress' 100 for run 'r0'; expected shares of the run, from 0 to 1"):
            bs.follow(card(with_history=False), hero(0.5), history=rows)

    def test_tables_of_one_run_and_of_several_are_told_apart(self, tmp_path):
        small_runs().to_csv(tmp_path / "small.csv", index=False)
        hero(0.5).to_csv(tmp_path / "now.csv", index=False)
        with refuses("small.csv has 20 runs in its column 'trajectory', and a card is of one; give its rows"):
            bs.follow(card(), tmp_path / "small.csv")
        with refuses(
            "now.csv has no column 'trajectory' that says which run a checkpoint belongs to; its columns are 'tokens', "
            "'loss'"
        ):
            bs.follow(card(), tmp_path / "now.csv", history=tmp_path / "now.csv")

    def test_without_a_history_nothing_can_be_said(self):
        with refuses(
            "hero was registered without a history, and none is given: how a loss lies above its end is not known, "
            "so that a curve says nothing of it. Give curves of small runs of the same schedule with history=... "
            "(command line: --history), here or when the card is registered"
        ):
            bs.follow(card(with_history=False), hero(0.5))

    def test_a_curve_that_ends_in_nan_has_left(self):
        rows = hero(0.6)
        rows.loc[rows.index[-2:], "loss"] = [np.nan, np.inf]
        found = bs.follow(card(), rows)
        assert found.left
        assert (
            found.sentences()[0]
            == "hero has left its band: 'loss' is NaN or infinite from 50.0% of training on"
        )
        gap = hero(0.6)
        gap.loc[gap.index[-2], "loss"] = np.nan
        assert not bs.follow(card(), gap).left

    def test_a_curve_before_the_history_adds_nothing(self):
        early = pd.DataFrame({"progress": [0.001, 0.002], "loss": [9.0, 8.0]})
        found = bs.follow(card(), early)
        assert found.values == card().values
        assert not found.left
        assert found.warnings[-1].startswith(
            "the curve is at 0.2% of training, and the history begins at 2.0%"
        )

    def test_the_end_and_beyond(self):
        found = bs.follow(card(), hero())
        assert found.warnings[-1] == "the run is at its end: score it, with bs.score('hero.json', LOSS)"
        assert found.width() < 0.4
        beyond = hero().assign(tokens=lambda rows: 1.2 * rows.tokens)
        with pytest.raises(
            bs.InputError, match="is at 120% of the tokens that were registered: it goes on beyond the end"
        ):
            bs.follow(card(), beyond)

    def test_progress_steps_and_tokens_say_the_same(self):
        rows = hero(0.5)
        steps = rows.assign(step=rows.tokens / 2e6)[["step", "loss"]]
        wanted = bs.follow(card(), rows).values
        assert bs.follow(
            card(), rows.assign(progress=rows.tokens / HERO[1])[["progress", "loss"]]
        ).values == (pytest.approx(wanted))
        assert bs.follow(card(), steps, tokens_per_step="2M").values == pytest.approx(wanted)
        with pytest.raises(
            bs.InputError,
            match=r"no batch size and sequence length; give tokens_per_step=\.\.\. \(command line",
        ):
            bs.follow(card(), steps)

    def test_a_resumed_run_counts_as_it_went_the_second_time(self):
        rows = hero(0.5)
        lost = rows.iloc[4:].assign(loss=lambda rows: rows.loss * 1.3)
        again = pd.concat([rows.iloc[:4], lost, rows.iloc[4:]])
        assert bs.follow(card(), again).values == bs.follow(card(), rows).values

    @pytest.mark.parametrize(
        ("rows", "said"),
        [
            ({"loss": [2.0]}, "the curve has the columns 'loss'; expected a loss, and progress"),
            (
                {"progress": [0.1], "beauty": [1]},
                "the curve has the columns 'progress', 'beauty'; expected a loss",
            ),
            (
                {"progress": [0.1, "x"], "loss": [3, 2]},
                "the curve, row 2: 'progress' is 'x'; expected a number",
            ),
            (
                {"progress": [0.1, 0.2], "loss": [3, -2]},
                "the curve has a loss of -2, and losses are more than 0",
            ),
            ({"progress": [0.1], "loss": [np.nan]}, "the curve has no finite loss; there is no curve"),
            ({"progress": [0.0], "loss": [9.0]}, "the curve has logged nothing after its start"),
        ],
    )
    def test_a_table_that_is_no_curve(self, rows, said):
        with pytest.raises(bs.InputError, match=f"^{said}"):
            bs.follow(card(), pd.DataFrame(rows))

    def test_a_table_in_bits_asks_what_the_curve_is_in(self, truth, tmp_path):
        rows = simulated_runs(truth, n=12).table
        runs = bs.load_runs(rows.assign(loss=rows["loss"] / np.log(2)), loss_unit="bits")
        fit = instant_fit(runs, "chinchilla")
        fit.register(tmp_path / "bits.json", *HERO, history=small_runs())
        with pytest.raises(
            bs.InputError, match="say what the curve is in, with loss_unit='nats' or loss_unit='bits'"
        ):
            bs.follow(tmp_path / "bits.json", hero(0.5))
        nats = bs.follow(tmp_path / "bits.json", hero(0.5), loss_unit="nats")
        bits = hero(0.5).assign(loss=lambda rows: rows.loss / np.log(2))
        assert bs.follow(tmp_path / "bits.json", bits, loss_unit="bits").values == pytest.approx(nats.values)


class TestLogs:
    @pytest.fixture
    def runs(self, tmp_path):
        for i in range(5):
            write_run(tmp_path / "small", f"r{i}", lines(above=0.1 * i))
        return tmp_path / "small"

    @pytest.fixture
    def log(self, tmp_path):
        """Half of a run of 1000 steps of 2048 tokens, as nanoGPT's config says."""
        write_run(tmp_path / "hero", "", lines(end=500))
        return tmp_path / "hero" / "log.jsonl"

    @pytest.fixture
    def of_log(self, truth):
        fit = instant_fit(simulated_runs(truth, n=12), "chinchilla")
        import dataclasses

        from bayes_scaling.forecast.register import make_card

        found = make_card(fit, "hero", {"params": 264_192, "tokens": 1000 * 2048})
        return dataclasses.replace(found, values=tuple(np.linspace(2.4, 2.9, 399)))

    def test_evaluations_of_a_log_beside_those_of_a_folder(self, runs, log, of_log):
        found = bs.follow(of_log, log, history=runs)
        assert found.now == pytest.approx(0.5)
        assert found.curve.metric == "eval/loss"
        low, high = found.interval(0.9)
        assert low < 2 + 6 * 1000**-0.3 < high
        assert found.width() < 0.3

    def test_training_losses_are_averaged(self, runs, log, of_log):
        for i in range(5):
            write_run(runs, f"r{i}", lines(above=0.1 * i, every=2))
        write_run(log.parent, "", lines(end=500, every=2))
        found = bs.follow(of_log, log, history=runs, metric="train/loss")
        assert found.curve.trajectory.noisy
        last = float(np.exp(found.curve.trajectory.log_loss(np.array([0.5]))[0]))
        values = found.curve.trajectory.loss
        assert last != values[-1]
        low, high = found.interval(0.9)
        assert low < 2 + 6 * 1000**-0.3 - 0.05 < high

    def test_a_curve_of_another_metric_is_refused(self, runs, log, of_log):
        only = [json.loads(line) for line in log.read_text().splitlines()]
        log.write_text("".join(json.dumps(line) + "\n" for line in only if "eval/loss" not in line))
        with refuses(
            "the curve is of 'train/loss' and the history of 'eval/loss', which lie apart; name one that both have "
            "with metric='...'"
        ):
            bs.follow(of_log, log, history=runs)

    def test_another_schedule_is_said(self, runs, log, of_log):
        assert not any("schedule" in said for said in bs.follow(of_log, log, history=runs).warnings)
        constant = [json.loads(line) for line in log.read_text().splitlines()]
        log.write_text(
            "".join(json.dumps(line | ({"lr": 1e-3} if "lr" in line else {})) + "\n" for line in constant)
        )
        assert bs.follow(of_log, log, history=runs).warnings[0] == (
            "the learning rate is at 100% of its peak at 50% of training, and in the history at 55%: the schedule is "
            "another one, and what is said here rests on that of the history"
        )

    def test_a_folder_of_several_runs_is_not_one(self, runs, of_log):
        with pytest.raises(bs.InputError, match=r"has 5 runs \('r0', 'r1', .* name the log of that one"):
            bs.follow(of_log, runs, history=runs)

    def test_another_plan_than_the_card_has_is_said(self, runs, log, of_log):
        import dataclasses

        longer = dataclasses.replace(of_log, inputs={**of_log.inputs, "tokens": 2000 * 2048})
        found = bs.follow(longer, log, history=runs)
        assert (
            "the run plans 1k steps, 2.05M tokens, and 4.1M were registered: it ends elsewhere"
            in found.warnings
        )

    def test_runs_of_a_history_that_did_not_end_are_named(self, tmp_path, of_log, log):
        for i in range(4):
            write_run(tmp_path / "bad", f"r{i}", lines(end=400))
        with pytest.raises(bs.InputError, match=r"0 finished runs.*r0 stopped early, or still runs"):
            bs.follow(of_log, log, history=tmp_path / "bad")


class TestCard:
    def test_a_course_is_part_of_the_card(self, tmp_path):
        path = tmp_path / "hero.json"
        write_card(card(), path)
        again = open_card(path)
        assert again.course.covariance == card().course.covariance
        assert again.checksum == card().checksum
        way = json.loads(path.read_text())["on_the_way"]
        assert [*way] == ["10%", "25%", "50%", "75%"]
        half = way["50%"]["90%"]
        losses = [
            curve(*HERO, np.random.default_rng(i), off=0.02 * np.sin(i)).loss.iloc[6] for i in range(40)
        ]
        assert np.mean([half[0] < loss < half[1] for loss in losses]) >= 0.8
        path.write_text(path.read_text().replace('"runs": 20', '"runs": 21'))
        with pytest.raises(bs.InputError, match="is not as it was registered"):
            bs.follow(path, hero(0.5))

    def test_a_card_without_one_is_as_cards_were(self, tmp_path):
        write_card(card(with_history=False), tmp_path / "hero.json")
        document = json.loads((tmp_path / "hero.json").read_text())
        assert not {"course", "on_the_way"} & set(document)
        assert open_card(tmp_path / "hero.json").course is None

    def test_its_page_has_the_intervals_on_the_way(self, truth, tmp_path):
        fit = instant_fit(simulated_runs(TRUTH, n=12), "chinchilla")
        found = fit.register(tmp_path / "hero.json", *HERO, history=small_runs())
        page = (tmp_path / "hero.md").read_text()
        low, high = found.on_the_way()[0.25]["90%"]
        assert f"| {low:.4f} to {high:.4f} |" in page
        assert "Losses on the way lie above their end as those of 20 runs of the history did" in page
        assert "Follow it with `bayes-scaling follow hero.json --log ...`." in page
        assert low > end(*HERO) / 2
