"""The optimiser: its model is concave, its bound holds, and small cases are solved exactly."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from planning_stores import brief_of, panel_of, problem_of

from daypart.planning.brief.limits import BriefLimits
from daypart.planning.outcome.shadow_prices import shadow_prices
from daypart.planning.problem.infeasible import most_spend, name_clash
from daypart.planning.problem.problem import LinearLimit, limit_frequency
from daypart.planning.reach.exposure import count_frequency
from daypart.planning.solve.cutting_planes import CuttingPlanes
from daypart.planning.solve.integer import find_whole_spots, some_whole_spots, spread_over_weeks
from daypart.planning.solve.interior import climb, tangent
from daypart.planning.solve.objective import make_objective, reach_objective
from daypart.planning.solve.rounding import round_spots
from daypart.planning.solve.surrogate_fit import fit_surrogate


def random_panel(seed, cells, households=12):
    rng = np.random.default_rng(seed)
    minutes = np.floor(rng.gamma(0.5, 60.0, size=(households, cells)))
    return panel_of(np.minimum(minutes, 900), 1000, weight=rng.uniform(1, 3, households))


def surrogate_of(seed, cells):
    return fit_surrogate(random_panel(seed, cells))


def objective_of(seed, cells):
    return reach_objective(surrogate_of(seed, cells))


def best_by_brute_force(problem, planes):
    plans = itertools.product(*(range(most + 1) for most in problem.most))
    values = [planes.value(np.array(x)) for x in plans if problem.keeps_limits(np.array(x))]
    return max(values)


def test_one_poisson_class_reaches_one_less_exp_of_its_grp():
    surrogate = surrogate_of(1, 3)
    one_class = replace(
        surrogate,
        shape=np.full(len(surrogate.shape), 1e12),
        rate=np.zeros_like(surrogate.rate),
        share=np.ones(len(surrogate.shape)),
        cluster_rate=np.full_like(surrogate.cluster_rate, 0.01),
    )
    grp = 100 * 0.01 * 30 * 3
    assert one_class.reach_percent(np.full(3, 30.0)) == pytest.approx(
        100 * (1 - np.exp(-grp / 100)), rel=1e-6
    )


OBJECTIVES = pytest.mark.parametrize(
    ("name", "goal"),
    [("reach", 3), ("effective_reach", 3), ("frequency_cap", 4), ("impressions", 3)],
)


@OBJECTIVES
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 50), spots=st.lists(st.floats(0, 40), min_size=8, max_size=8))
def test_every_objective_is_concave_and_its_slopes_are_tangents(name, goal, seed, spots):
    panel = random_panel(seed, 4)
    brief = brief_of(objective=name, frequency_goal=goal)
    objective = make_objective(brief, fit_surrogate(panel), panel)
    a, b = np.array(spots[:4]), np.array(spots[4:])
    values, slopes = objective.tangents(a)
    tolerance = 1e-6 * (1 + abs(objective.value(b)))
    assert values.sum() == pytest.approx(objective.value(a))
    assert objective.value(b) <= objective.value(a) + (slopes @ (b - a)).sum() + tolerance
    assert objective.honest_value(a) <= objective.value(a) + tolerance
    assert objective.value(a) <= objective.ceiling().sum() + tolerance


@OBJECTIVES
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_an_objectives_bend_is_how_fast_its_slopes_fall(name, goal, share):
    panel = random_panel(3, 4)
    surrogate = fit_surrogate(panel)
    surrogate = replace(surrogate, share=np.full_like(surrogate.share, share))
    objective = make_objective(brief_of(objective=name, frequency_goal=goal), surrogate, panel)
    problem = problem_of([1.0] * 4, [99] * 4, 1e6)
    spots, step = np.array([31.0, 12.0, 0.0, 25.0]), 1e-4
    _, _, curvature = tangent(problem, objective, spots)
    lower = objective.surrogate.bend(0, curvature, np.arange(4))
    for j, unit in enumerate(np.eye(4) * step):
        _, after, _ = tangent(problem, objective, spots + unit)
        _, before, _ = tangent(problem, objective, spots - unit)
        fall = (before - after) / (2 * step)
        bend = np.concatenate([lower[j, :j], lower[j:, j]])
        assert bend == pytest.approx(fall, rel=1e-4, abs=1e-7)


def test_the_climb_ends_where_the_cutting_planes_prove_the_optimum():
    rng = np.random.default_rng(8)
    cost = rng.uniform(1, 5, 30)
    rows = [
        LinearLimit("half inside", cost * (np.arange(30) < 12) - 0.5 * cost, upper=0.0),
        LinearLimit("a floor", (np.arange(30) % 7 == 0).astype(float), lower=3.0),
    ]
    problem = problem_of(cost, [5] * 30, 60, rows)
    objective = reach_objective(fit_surrogate(random_panel(8, 30, households=200)))
    spots = climb(problem, objective, np.arange(30), budget=60.0, gap=1e-6)
    planes = CuttingPlanes(problem, objective)
    value = planes.cut_at(spots)
    assert problem.keeps_limits(spots)
    assert planes.master.solve().bound == pytest.approx(value, rel=2e-6)


def test_a_climb_without_room_inside_the_limits_gives_up_and_the_cutting_planes_go_on():
    both = [LinearLimit("exactly", np.array([1.0, 0, 0, 0]), lower=2.0, upper=2.0)]
    problem = problem_of([3, 5, 7, 2], [9] * 4, 40, both)
    objective = objective_of(2, 4)
    found = CuttingPlanes(problem, objective).solve(gap=1e-5)
    assert found.spots[0] == pytest.approx(2.0)
    clash = [LinearLimit("too much", np.ones(4), lower=99.0)]
    problem = problem_of([3, 5, 7, 2], [9] * 4, 40, clash)
    assert climb(problem, objective, np.arange(4), budget=40.0, gap=1e-4) is None
    assert CuttingPlanes(problem, objective).solve() is None


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(20, 200), st.floats(0.2, 0.8))
@example(30135, 81.0, 0.2)
def test_rounding_keeps_the_limits_and_loses_little(seed, budget, share):
    rng = np.random.default_rng(seed)
    cost = rng.uniform(1, 3, 12)
    row = LinearLimit("share", cost * ((np.arange(12) < 6) - share), upper=0.0)
    problem = problem_of(cost, [6] * 12, budget, [row])
    planes = CuttingPlanes(problem, reach_objective(fit_surrogate(random_panel(seed, 12, 40))))
    found = planes.solve(gap=1e-5)
    spots = round_spots(problem, planes.objective, found.spots)
    assert problem.keeps_limits(spots)
    assert planes.value(spots) >= 0.93 * found.value
    assert planes.value(spots) <= found.bound + 1e-6


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
@example(60)
@example(324)
def test_whole_spots_never_break_a_limit_whatever_the_limits(seed):
    rng = np.random.default_rng(seed)
    cost, budget = rng.uniform(1, 3, 12), rng.uniform(10, 150)
    limits = []
    for name in map(str, range(rng.integers(0, 7))):
        inside = rng.random(12) < rng.uniform(0.1, 0.6)
        most = cost / budget * (inside - rng.uniform(0.1, 0.6))
        least = cost / budget * (inside - rng.uniform(0.05, 0.3))
        grp, floor = inside * rng.uniform(0.1, 2, 12), rng.uniform(0.5, 8)
        span = LinearLimit(name, cost / budget * inside, floor / 40, floor / 40 + 0.05)
        kinds = [LinearLimit(name, most, upper=0.0), LinearLimit(name, least, lower=0.0)]
        kinds += [LinearLimit(name, grp, lower=floor), span]
        limits.append(kinds[rng.integers(0, 4)])
    problem = replace(problem_of(cost, [6] * 12, budget, limits), least=rng.integers(0, 2, 12))
    panel = random_panel(seed, 12, 40)
    brief = brief_of(limits=BriefLimits(max_average_frequency=rng.uniform(1.2, 8)))
    objective = make_objective(brief, fit_surrogate(panel), panel)
    problem = replace(problem, impressions=panel.impressions_per_spot())
    planes = CuttingPlanes(limit_frequency(problem, brief, objective), objective)
    continuous = planes.solve(gap=1e-3)
    if continuous is None:
        return
    rounded = round_spots(planes.problem, objective, continuous.spots)
    found = some_whole_spots(planes, continuous)
    assert rounded is None or planes.problem.keeps_limits(rounded)
    assert found is None or planes.problem.keeps_limits(found)
    assert (rounded is None) or (found is not None)


def test_effective_reach_agrees_with_the_frequency_distribution():
    surrogate = surrogate_of(6, 4)
    spots = np.array([30.0, 10.0, 0.0, 25.0])
    chances = surrogate.exposure_chances(spots, 10)
    brief = brief_of(objective="effective_reach", frequency_goal=3)
    objective = make_objective(brief, surrogate, random_panel(6, 4))
    counted = 100 * surrogate.weight @ chances[:, 3:].sum(axis=1) / surrogate.universe_estimate
    assert objective.honest_value(spots) == pytest.approx(counted)


def test_the_surrogate_comes_near_the_counted_reach(store):
    from daypart.planning.panel.reader import read_panel

    panel = read_panel(store).of_segment("young")
    surrogate = fit_surrogate(panel)
    rng = np.random.default_rng(3)
    for mean in (0.2, 1.0, 3.0):
        spots = rng.poisson(mean, panel.cells)
        counted = count_frequency(panel, spots).reach_percent()
        assert surrogate.reach_percent(spots.astype(float)) == pytest.approx(counted, rel=0.03)


def test_the_surrogates_distribution_sums_to_one_and_starts_with_what_is_missed():
    surrogate = surrogate_of(4, 3)
    spots = np.array([5, 0, 30])
    chances = surrogate.exposure_chances(spots, 10)
    assert chances.sum(axis=1) == pytest.approx(1.0)
    reached = surrogate.weight @ (1 - chances[:, 0])
    assert reached == pytest.approx(surrogate.reached(spots.astype(float)).sum())


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10**6),
    st.lists(st.floats(1, 9), min_size=4, max_size=4),
    st.floats(9, 60),
    st.floats(0.1, 0.9),
)
def test_whole_spots_of_small_cases_are_the_best_of_all_plans(seed, cost, budget, share):
    inside = np.array([1.0, 1.0, 0.0, 0.0])
    limit = LinearLimit("share", np.array(cost) / budget * (inside - share), upper=0.0)
    problem = problem_of(cost, [3, 3, 3, 3], budget, [limit])
    planes = CuttingPlanes(problem, objective_of(seed, 4))
    continuous = planes.solve(gap=1e-7)
    whole = find_whole_spots(planes, continuous, gap=1e-9, rounds=60)
    best = best_by_brute_force(problem, planes)
    assert whole.value == pytest.approx(best, rel=1e-6, abs=1e-6)
    assert problem.keeps_limits(whole.spots)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0.02, 1.2))
def test_the_bound_holds_on_random_polytopes(seed, other_seed, scale):
    rng = np.random.default_rng(other_seed)
    cost = rng.uniform(1, 20, 5)
    rows = [
        LinearLimit(f"row {n}", rng.uniform(-0.3, 1.0, 5), upper=float(rng.uniform(0.5, 8)))
        for n in range(3)
    ]
    problem = problem_of(cost, [2] * 5, max(scale * 2 * cost.sum(), cost.min()), rows)
    planes = CuttingPlanes(problem, objective_of(seed, 5))
    continuous = planes.solve(gap=1e-4)
    whole = find_whole_spots(planes, continuous, gap=1e-3)
    best = best_by_brute_force(problem, planes)
    tolerance = 1e-6 * max(1.0, best)
    assert continuous.bound >= best - tolerance
    assert whole.bound >= best - tolerance
    assert best >= whole.value - tolerance


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(1.2, 3.0), st.sampled_from(["reach", "impressions"]))
def test_whole_spots_under_a_frequency_limit_are_the_best_of_all_plans(seed, most, name):
    panel = random_panel(seed, 4)
    brief = brief_of(objective=name, limits=BriefLimits(max_average_frequency=most))
    objective = make_objective(brief, fit_surrogate(panel), panel)
    problem = problem_of([3.0, 5.0, 4.0, 2.0], [3] * 4, 40)
    problem = replace(problem, impressions=panel.impressions_per_spot())
    planes = CuttingPlanes(limit_frequency(problem, brief, objective), objective)
    continuous = planes.solve(gap=1e-6)
    whole = find_whole_spots(planes, continuous, gap=1e-9, rounds=60)
    best = best_by_brute_force(planes.problem, planes)
    assert continuous.bound >= best - 1e-6
    assert whole.value == pytest.approx(best, rel=1e-6, abs=1e-6)
    assert planes.problem.keeps_limits(whole.spots)


def test_prices_are_what_a_little_more_of_each_limit_brings():
    rng = np.random.default_rng(11)
    cost = rng.uniform(1, 5, 12)
    spend = cost / 40.0
    inside = np.arange(12) < 4
    rows = [
        LinearLimit("at most 20 %", spend * (inside - 0.2), -np.inf, 0.0, "1 point", 0.01),
        LinearLimit("floor", np.ones(12) * (np.arange(12) == 7), 2.0, np.inf, "1 spot", 1.0),
    ]
    panel = random_panel(11, 12, households=60)
    objective = reach_objective(fit_surrogate(panel))

    def best(budget=40.0, share=0.2, floor=2.0):
        moved = (
            replace(rows[0], coefficients=spend * (inside - share)),
            replace(rows[1], lower=floor),
        )
        planes = CuttingPlanes(problem_of(cost, [4] * 12, budget, moved), objective)
        return planes, planes.solve(gap=1e-8)

    planes, found = best()
    told = shadow_prices(planes, found, panel, currency="USD")
    step = 0.02
    more = best(budget=40 + step)[1].value - best(budget=40 - step)[1].value
    assert told["budget"] / 1000 == pytest.approx(more / (2 * step), rel=0.02)
    assert told["markets"][0]["worth"] == pytest.approx(told["budget"], rel=0.02)
    worth = {row["limit"]: row["worth"] for row in told["limits"]}
    more = best(share=0.202)[1].value - best(share=0.198)[1].value
    assert worth["at most 20 %"] == pytest.approx(more / 0.4, rel=0.02)
    more = best(floor=1.98)[1].value - best(floor=2.02)[1].value
    assert worth.get("floor", 0.0) == pytest.approx(more / 0.04, rel=0.02, abs=1e-4)


def test_a_larger_budget_never_lowers_the_optimum():
    planes = CuttingPlanes(problem_of([3, 5, 7, 2], [9] * 4, 100), objective_of(2, 4))
    values = [planes.solve(gap=1e-6, budget=budget).value for budget in (5, 20, 60, 100)]
    assert all(a <= b + 1e-4 for a, b in itertools.pairwise(values))


def test_spots_spread_evenly_over_weeks_and_sum_to_what_was_bought():
    problem = problem_of([3.0, 5.0, 2.0], [7, 7, 2], 1e6, weeks=4)
    spots = np.array([9, 28, 5])
    dealt = spread_over_weeks(problem, spots)
    assert dealt.sum(axis=1).tolist() == spots.tolist()
    assert (dealt <= problem.most_per_week).all()
    assert (dealt.max(axis=1) - dealt.min(axis=1) <= 1).all()


def test_clashing_limits_are_named_and_no_others():
    first, second = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
    rows = [
        LinearLimit("A at least 60 %", first - 0.6, lower=0.0),
        LinearLimit("B at least 60 %", second - 0.6, lower=0.0),
        LinearLimit("A at most 90 %", first - 0.9, upper=0.0),
    ]
    problem = problem_of([1, 1, 1], [9, 9, 9], 10, rows)
    assert set(name_clash(problem)) == {"A at least 60 %", "B at least 60 %"}


def test_of_two_clashes_the_smaller_is_named():
    one, two, three = np.eye(3)
    rows = [
        LinearLimit("A at least 40 %", one - 0.4, lower=0.0),
        LinearLimit("B at least 40 %", two - 0.4, lower=0.0),
        LinearLimit("C at least 40 %", three - 0.4, lower=0.0),
        LinearLimit("A at most 30 %", one - 0.3, upper=0.0),
    ]
    problem = problem_of([1, 1, 1], [9, 9, 9], 10, rows)
    assert set(name_clash(problem)) == {"A at least 40 %", "A at most 30 %"}
    problem = problem_of([1, 1, 1], [9, 9, 9], 10, rows[:3])
    assert len(name_clash(problem)) == 3


def test_pins_and_what_is_on_offer_can_clash_with_a_limit():
    few = LinearLimit("at most 2", np.array([1.0, 1.0, 0.0]), upper=2.0)
    problem = replace(problem_of([1, 1, 1], [9, 9, 9], 10, [few]), least=np.array([3, 0, 0]))
    assert set(name_clash(problem)) == {"at most 2", "limits.pins"}
    many = LinearLimit("at least 20", np.array([1.0, 1.0, 0.0]), lower=20.0)
    problem = problem_of([1, 1, 1], [9, 9, 9], 100, [many])
    assert set(name_clash(problem)) == {"at least 20", "limits.max_spots_per_week"}


def test_limits_that_can_be_kept_do_not_clash():
    row = LinearLimit("A at least 60 %", np.array([0.4, -0.6, -0.6]), lower=0.0)
    assert name_clash(problem_of([1, 1, 1], [9, 9, 9], 10, [row])) == ()


def test_a_floor_above_the_budget_clashes_with_the_budget():
    row = LinearLimit("grp floor", np.ones(3), lower=20.0)
    problem = problem_of([1, 1, 1], [9, 9, 9], 10, [row])
    assert set(name_clash(problem)) == {"campaign.budget", "grp floor"}


def test_what_keeps_money_from_being_spent_is_named():
    row = LinearLimit("A at most 4", np.array([1.0, 0.0]), upper=4.0)
    spend, names = most_spend(problem_of([10, 1], [9, 3], 1000, [row]))
    assert spend == pytest.approx(43)
    assert names == ("A at most 4", "limits.max_spots_per_week")


def test_many_columns_are_climbed_on_some_of_them_and_still_proven(monkeypatch):
    from daypart.planning.problem import problem

    monkeypatch.setattr(problem, "_LARGE", 10)
    rng = np.random.default_rng(5)
    households, cells, markets = 240, 20, 3
    minutes = np.floor(rng.gamma(0.3, 60.0, size=(households, cells)))
    market = np.repeat(np.arange(markets), households // markets)
    panel = panel_of(np.minimum(minutes, 900), 1000, market=market, markets=markets)
    columns = cells * markets
    cost = rng.uniform(1, 6, columns)
    row = LinearLimit("share", cost * ((np.arange(columns) % 4 == 0) - 0.2), upper=0.0)
    problem = problem_of(cost, [9] * columns, 150, [row])
    planes = CuttingPlanes(problem, reach_objective(fit_surrogate(panel)))
    found = planes.solve(gap=1e-3)
    assert found.gap <= 1e-3
    assert planes.master.epigraphs == markets
    whole = find_whole_spots(planes, found, gap=0.05)
    assert problem.keeps_limits(whole.spots)
    assert whole.gap < 0.05
    monkeypatch.undo()
    other = CuttingPlanes(problem, planes.objective).solve(gap=1e-3)
    assert found.value == pytest.approx(other.value, rel=2e-3)
    assert found.bound >= other.value * (1 - 1e-6)
