"""What parents know: the law of their weeks, and which shocks partitions share."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypart.errors import DaypartError
from daypart.models.negbin.pooling.fit_parents import fit_parents
from daypart.models.negbin.pooling.leaves import loadings
from daypart.models.negbin.pooling.parents import Parent, Parents, parent_names, to_table
from daypart.models.negbin.pooling.prior import pool
from daypart.models.negbin.pooling.shared_variation import Summed, common_variances, week_law
from daypart.models.registry import get_model
from daypart.models.scores.proper import log_score_from_quantiles
from daypart.series.block import block_from_arrays


def weeks_of(walk_sd, week_sd, *, parents=30, weeks=20, seed=1):
    rng = np.random.default_rng(seed)
    level = np.cumsum(walk_sd * rng.standard_normal((parents, weeks)), axis=1)
    return level, level + week_sd * rng.standard_normal((parents, weeks))


@pytest.mark.parametrize(("walk_sd", "week_sd"), [(0.1, 0.0), (0.02, 0.1), (0.05, 0.05)])
def test_the_walk_is_told_from_shocks_that_do_not_last(walk_sd, week_sd):
    level, week = weeks_of(walk_sd, week_sd)
    law = week_law(week, np.full(week.shape, 1e-5))
    assert np.median(law.walk_sd) == pytest.approx(walk_sd, abs=0.02)
    assert np.median(law.week_sd) == pytest.approx(week_sd, abs=0.035)
    error = law.origin - level[:, -1]
    assert np.sqrt((error**2).mean()) < 1.3 * np.sqrt((law.level_sd**2).mean()) + 0.01


def test_weeks_that_were_hardly_observed_say_little():
    _, week = weeks_of(0.0, 0.3)
    law = week_law(week, np.full(week.shape, 0.09))
    assert np.median(law.week_sd) < 0.15


@given(st.integers(1, 5), st.integers(1, 12))
def test_every_parent_has_a_finite_law(parents, weeks):
    law = week_law(np.zeros((parents, weeks)), np.full((parents, weeks), 10.0))
    for values in (law.origin, law.level_sd, law.walk_sd, law.week_sd):
        assert values.shape == (parents,)
        assert np.isfinite(values).all()


def test_shocks_that_all_share_are_found_in_the_sums_of_simulated_partitions():
    rng = np.random.default_rng(2)
    hours, markets, networks = 4000, 10, 8
    network = np.exp(0.3 * rng.standard_normal((networks, 1, hours)) - 0.045)
    own = rng.gamma(10.0, 0.1, (networks, markets, hours))
    rates = 50.0 * network * own

    def summed(rate, squares):
        mean = rate.mean()
        return Summed(float(rate.var() / mean**2), float(rate.sum()), squares)

    total = float(rates.sum())
    square = float((rates.sum(axis=-1) ** 2).sum())
    whole = summed(rates.sum(axis=(0, 1)), square)
    by_network = [
        summed(rates[i].sum(axis=0), float((rates[i].sum(axis=-1) ** 2).sum()))
        for i in range(networks)
    ]
    by_market = [
        summed(rates[:, i].sum(axis=0), float((rates[:, i].sum(axis=-1) ** 2).sum()))
        for i in range(markets)
    ]
    single = float((rates.var(axis=-1) / rates.mean(axis=-1) ** 2).mean())
    assert whole.total == pytest.approx(total)
    every, shared = common_variances(whole, {"network": by_network, "market": by_market}, single)
    assert every < 0.01
    assert shared["network"].mean() == pytest.approx(np.expm1(0.09), rel=0.15)
    assert shared["market"].mean() < 0.01


def test_a_loading_is_learnt_between_nothing_and_all():
    rng = np.random.default_rng(4)
    effect = rng.standard_normal((168, 1))
    for truth in (0.0, 0.5, 1.0):
        rate = np.exp(truth * effect[:, 0])
        counts = [rng.poisson(2.0 * rate).astype(float) for _ in range(40)]
        found = loadings(counts, [np.ones(168)] * 40, [effect] * 40, np.ones(40))
        assert found[0] == pytest.approx(truth, abs=0.06)


def test_parents_hold_one_column_fixed_and_never_sum_over_overlapping_ones():
    values = {"market": "501", "network": "ESPN", "segment": "men"}
    names = parent_names(("market", "network", "segment"), {"segment": "all"}, values)
    assert names == {"": "*/*/men", "market": "501/*/men", "network": "*/ESPN/men"}
    assert parent_names(("sensor",), {}, {"sensor": "a"}) == {"": "*", "sensor": "a"}


@pytest.mark.parametrize(("mean", "size"), [(0.05, 2.0), (1.0, 2.0), (30.0, 5.0)])
def test_the_log_score_of_quantiles_is_near_the_exact_one(mean, size):
    from scipy.stats import nbinom

    probabilities = sorted({0.002, 0.01, 0.025, 0.975, 0.99, 0.998, *np.arange(1, 20) / 20})
    law = nbinom(size, size / (size + mean))
    count = law.ppf(probabilities)
    within = (np.array(probabilities) - law.cdf(count - 1)) / law.pmf(count)
    quantiles = np.maximum(count - 0.5 + within, 0.0)
    observed = law.rvs(4000, random_state=1).astype(float)
    close = log_score_from_quantiles(
        observed, np.broadcast_to(quantiles, (4000, len(quantiles))), probabilities
    )
    exact = -law.logpmf(observed)
    assert close.mean() == pytest.approx(exact.mean(), abs=0.02)


def test_a_year_of_hours_is_read_off_near_what_each_hour_would_have(monkeypatch):
    import pyarrow as pa

    from daypart.models.negbin.forecast import forecast as predict
    from daypart.models.protocol import Window
    from daypart.series.block import block_from_arrays

    rng = np.random.default_rng(5)
    wave = 1.5 * np.sin(np.arange(168 * 8) / 24 * 2 * np.pi)
    counts = [rng.poisson(level * np.exp(wave)) for level in (0.3, 5.0, 300.0)]
    ids = [f"s{i}" for i in range(3)]
    block = block_from_arrays(pa.table({"unique_id": ids}), ["UTC"] * 3, [0] * 3, counts)
    model = get_model("negbin", pooling=False)
    state = model.fit(block).append_column("unique_id", pa.array(ids))
    for name, values in (("timezone", ["UTC"] * 3), ("hours", [1344] * 3), ("exposure", [1.0] * 3)):
        state = state.append_column(name, pa.array(values))
    first_hour = pa.array([0] * 3, pa.timestamp("us", tz="UTC"))
    state = state.append_column("first_hour", first_hour)
    window, probabilities = Window(1344, 168 * 26), (0.025, 0.1, 0.5, 0.9, 0.975)
    quick = model.forecast(state, window, probabilities)
    monkeypatch.setattr(predict, "HOURS_EACH", 10**9)
    each = model.forecast(state, window, probabilities)
    assert quick.mean == pytest.approx(each.mean, rel=1e-9)
    assert quick.sd == pytest.approx(each.sd, rel=1e-9)
    off = np.abs(quick.quantiles - each.quantiles) / np.maximum(each.sd, 0.5)[..., None]
    assert off.mean() < 0.01
    assert np.quantile(off, 0.999) < 0.1
    assert (np.diff(quick.quantiles, axis=-1) >= 0).all()


def _parents_that_know(*events):
    numbers = dict.fromkeys(("level_sd", "walk_sd", "week_sd", "day_sd", "hour_sd"), 0.1)
    arrays = {"profile": 168, "profile_variance": 168, "week": 4, "hyper_centre": 5}
    arrays |= {"hyper_spread": 5, "event_sd": len(events)}
    all_of_them = Parent(
        parent="*",
        column="",
        partitions=9,
        counts=1e6,
        first_monday=4,
        origin=0.0,
        event=events,
        event_mean=np.arange(1.0, len(events) + 1.0),
        deviation_sd=1.0,
        **numbers,
        **{name: np.ones(length) for name, length in arrays.items()},
    )
    return to_table([all_of_them])


def test_parents_effects_are_found_by_the_names_of_their_events():
    parents = Parents.from_table(_parents_that_know("new_year", "final"), ("shop",), {})
    keys = pa.table({"shop": ["a"], "unique_id": ["a"]})
    block = block_from_arrays(keys, ["UTC"], [96], [np.ones(336, np.int32)])
    found = pool(parents, block, 5, ("final", "strike", "new_year"))
    assert found.event_mean.tolist() == [[2.0, 0.0, 1.0]]
    assert found.candidate.tolist() == [[0, -1]]


def test_parents_that_do_not_name_their_events_are_told_of():
    table = _parents_that_know("final").drop_columns(["event"])
    with pytest.raises(DaypartError, match="do not name their events") as raised:
        Parents.from_table(table, ("shop",), {})
    assert "fit it anew" in str(raised.value.hint)


def _two_time_zones(*, hours, east_at_midnight=1.0):
    """Return counts that never change from week to week: few partitions of the east see much."""
    rng = np.random.default_rng(8)
    first_hour = 484_444  # Monday 2025-04-07T00:00 in New York, three hours before Los Angeles
    until = first_hour + hours
    blocks = []
    for zone, level, late in (("America/New_York", 90.0, 0), ("America/Los_Angeles", 30.0, 3)):
        names = [f"n{i}" for i in range(6)]
        keys = {"market": [zone] * 6, "network": names}
        keys |= {"unique_id": [f"{zone}/{name}" for name in names]}
        hour = np.arange(until - first_hour - late) % 168
        mean = np.full(len(hour), level)
        mean[hour < 3] *= east_at_midnight if not late else 1.0
        series = [rng.poisson(mean * rng.gamma(200.0, 1 / 200.0, len(hour))) for _ in names]
        blocks.append(
            block_from_arrays(pa.table(keys), [zone] * 6, [first_hour + late] * 6, series)
        )
    return blocks


def _sums_of(blocks):
    model = get_model("negbin", calendar=[])
    sums = model.sums(("market", "network"), {})
    for block in blocks:
        sums.add_block(block)
    return model, sums


def test_a_sum_does_not_move_with_the_time_zones_that_are_in_it():
    _, sums = _sums_of(_two_time_zones(hours=168 * 6 + 3))
    (whole, parts), *_ = sums.families()
    assert len(whole.counts) == 7
    assert (whole.exposure[6] > 0).sum() == 3
    rate = whole.counts[6].sum() / whole.exposure[6].sum()
    assert rate == pytest.approx(whole.counts[:6].sum() / whole.exposure[:6].sum(), rel=0.03)
    assert whole.exposure.sum() == pytest.approx(6 * (168 * 6 + 3) + 6 * 168 * 6)
    networks = [part for part in parts if part.column == "network"]
    assert len(networks) == 6
    assert sum(part.total for part in networks) == whole.total


@pytest.mark.parametrize("east_at_midnight", [1.0, 1.5])
def test_a_week_that_has_begun_in_some_time_zones_alone_does_not_move_the_level(east_at_midnight):
    blocks = _two_time_zones(hours=168 * 6 + 3, east_at_midnight=east_at_midnight)
    model, sums = _sums_of(blocks)
    (whole, _), *_ = sums.families()
    top = next(
        each
        for each in fit_parents(model.specification, sums, blocks[0])
        if each.parent == whole.parent
    )
    usual = np.log(whole.counts[:6].sum() / whole.exposure[:6].sum())
    assert np.log(np.exp(top.profile).mean()) + top.origin == pytest.approx(usual, abs=0.02)
    assert top.level_sd < 0.05
