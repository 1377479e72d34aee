"""Limits that clash, that keep a budget from being spent or that a schedule breaks, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from daypart.planning.arrays import Floats, Ints
from daypart.planning.problem.problem import LinearLimit, Problem
from daypart.planning.solve.master import open_highs

_INFINITE = 1e30
_ROUNDS = 200
_SLACK = 1e-7
_PLENTY = 1000
_NODES = 2000
BUDGET = "campaign.budget"
ON_OFFER = "limits.max_spots_per_week"
PINS = "limits.pins"


def most_spend(problem: Problem) -> tuple[float, tuple[str, ...]] | None:
    """Find how much can be spent at most, and the limits that stop it there.

    Returns
    -------
    spend : float
        In the brief's currency, in fractions of spots; the budget is ignored.
    limited_by : tuple of str
        The settings that bind.

    None where the limits clash.
    """
    import highspy

    elastic = _Elastic(problem, problem.limits)
    highs = elastic.highs
    everything = np.arange(problem.columns, dtype=np.int32)
    highs.changeColsCost(problem.columns, everything, -problem.cost / problem.cost.max())
    elastic.enforce(set(range(len(elastic.names))))
    highs.run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    solution = highs.getSolution()
    spots = np.array(solution.col_value[: problem.columns])
    duals = np.abs(np.array(solution.row_dual))
    binding = [
        limit.setting for limit, dual in zip(problem.limits, duals, strict=False) if dual > 1e-9
    ]
    full = (np.array(solution.col_dual[: problem.columns]) < -1e-9) & (spots >= problem.most - 1e-6)
    if full.any():
        binding.append(ON_OFFER)
    return problem.spent(spots), tuple(binding)


def name_clash(
    problem: Problem,
    feasible: Callable[[Problem], bool] | None = None,
    *,
    whole: bool = False,
) -> tuple[str, ...]:
    """Name the smallest set of limits that can't all be kept while anything is bought.

    What one line of the brief sets for every network (or daypart, market) is one limit here.

    An elastic solve, in which limits may give way at a price, finds a set of limits to give up so
    that the rest can be kept. Each clash holds at least one of every such set, so a smallest set
    that meets all those found so far either clashes, and then none is smaller, or can be kept
    and shows another set to give up.

    Parameters
    ----------
    problem : Problem
    feasible : callable, optional
        Whether a problem whose linear limits can be kept can be solved; needed with a limit that
        is not linear.
    whole : bool
        Whether spots must be whole.

    Returns
    -------
    tuple of str
        The brief's lines; empty where nothing clashes, or no proof of it was found.

    References
    ----------
    Ignatiev, A., Previti, A., Liffiton, M., Marques-Silva, J. (2015). Smallest MUS extraction with
    minimal hitting set dualization. CP 2015.
    """
    something, budget = _money_rows(problem)
    elastic = _Elastic(problem, [budget, *problem.limits], always=something, whole=whole)
    everything = set(range(len(elastic.names)))
    if elastic.violated(everything) is None:
        return _smallest(elastic.names, elastic.violated)
    if whole or problem.frequency is None or feasible is None or feasible(problem):
        return ()
    keeps = _with_frequency(problem, elastic, feasible)
    return (problem.frequency.setting, *_smallest(elastic.names, keeps))


def _with_frequency(
    problem: Problem, elastic: _Elastic, feasible: Callable[[Problem], bool]
) -> Callable[[set[int]], set[int] | None]:
    """Return a test of sets of limits beside the limit on average frequency."""

    def violated(kept: set[int]) -> set[int] | None:
        first = elastic.violated(kept)
        if first is None or not feasible(elastic.relaxed(problem, kept)):
            return None
        return set(range(len(elastic.names))) - kept

    return violated


def _smallest(
    names: Sequence[str], violated: Callable[[set[int]], set[int] | None]
) -> tuple[str, ...]:
    """Find a smallest set of names for which `violated` answers None.

    Given a set to keep, `violated` returns the others that it breaks; None if it can't be kept.
    """
    given_up: list[set[int]] = []
    chosen: set[int] = set()
    for _ in range(_ROUNDS):
        chosen = _hit_all(given_up, len(names))
        broken = violated(chosen)
        if broken is None:
            break
        if not broken:
            return ()
        kept = set(range(len(names))) - broken
        for n in sorted(broken):
            still = violated(kept | {n})
            if still is not None:
                kept = set(range(len(names))) - still
        given_up.append(set(range(len(names))) - kept)
    return tuple(names[n] for n in sorted(chosen))


def _hit_all(sets: Sequence[set[int]], count: int) -> set[int]:
    """Return a smallest set of numbers below `count` that meets each of the sets."""
    if not sets:
        return set()
    highs = open_highs()
    highs.addVars(count, np.zeros(count), np.ones(count))
    everything = np.arange(count, dtype=np.int32)
    # A slightly higher cost for later names makes the answer unique.
    highs.changeColsCost(count, everything, 1.0 + np.arange(count) / (10.0 * count**2))
    highs.changeColsIntegrality(count, everything, np.ones(count, dtype=np.uint8))
    for members in sets:
        index = np.array(sorted(members), dtype=np.int32)
        highs.addRow(1.0, _INFINITE, len(index), index, np.ones(len(index)))
    highs.run()
    return set(np.flatnonzero(np.array(highs.getSolution().col_value) > 0.5).tolist())


class _Elastic:
    """A programme in which each line of the brief can be enforced, or be broken at a price.

    Lines are those of the given rows, what is on offer and the pins, by name; the last two, which
    are bounds of columns, break at no price.
    """

    def __init__(
        self,
        problem: Problem,
        rows: Sequence[LinearLimit],
        always: LinearLimit | None = None,
        *,
        whole: bool = False,
    ) -> None:
        self.problem, self.given = problem, list(rows)
        self.highs = open_highs()
        columns = problem.columns
        self.highs.addVars(columns, np.zeros(columns), np.full(columns, _INFINITE))
        if whole:
            everything = np.arange(columns, dtype=np.int32)
            self.highs.changeColsIntegrality(columns, everything, np.ones(columns, dtype=np.uint8))
            self.highs.setOptionValue("mip_max_nodes", _NODES)
        lines = list(dict.fromkeys(row.line for row in rows))
        self.line_of_row = np.array([lines.index(row.line) for row in rows], dtype=np.int64)
        self.on_offer, self.pins = len(lines), len(lines) + 1
        self.names = [*lines, ON_OFFER, PINS]
        self.has_answer = False
        self.spots = np.zeros(columns)
        for row in rows:
            self._add(row, gives=True)
        if always is not None:
            self._add(always, gives=False)

    def _add(self, row: LinearLimit, *, gives: bool) -> None:
        used = np.flatnonzero(row.coefficients).astype(np.int32)
        size = max(float(np.abs(row.coefficients).max(initial=0.0)), 1e-12)
        values = row.coefficients[used] / size
        if gives:
            first = self.highs.getNumCol()
            self.highs.addVars(2, np.zeros(2), np.zeros(2))
            used = np.concatenate([used, np.array([first, first + 1], dtype=np.int32)])
            values = np.concatenate([values, [1.0, -1.0]])
        lower, upper = max(row.lower / size, -_INFINITE), min(row.upper / size, _INFINITE)
        self.highs.addRow(lower, upper, len(used), used, values)

    def enforce(self, kept: set[int]) -> None:
        """Enforce some lines; all others may be broken."""
        problem, rows = self.problem, len(self.given)
        most = problem.most if self.on_offer in kept else np.full(problem.columns, _INFINITE)
        least = problem.least if self.pins in kept else np.zeros(problem.columns)
        held = np.isin(self.line_of_row, list(kept))
        lower = np.concatenate([least.astype(np.float64), np.zeros(2 * rows)])
        upper = np.concatenate(
            [most.astype(np.float64), np.repeat(np.where(held, 0, _INFINITE), 2)]
        )
        self.highs.changeColsBounds(len(lower), np.arange(len(lower), dtype=np.int32), lower, upper)

    def violated(self, kept: set[int]) -> set[int] | None:
        """Keep some lines and break the others as little as can be; return those broken.

        None where those to keep clash; nothing where a search for whole spots found no answer.
        """
        import highspy

        columns, rows = self.problem.columns, len(self.given)
        index = np.arange(columns, columns + 2 * rows, dtype=np.int32)
        self.highs.changeColsCost(2 * rows, index, np.ones(2 * rows))
        self.enforce(kept)
        self.highs.run()
        feasible = highspy.SolutionStatus.kSolutionStatusFeasible
        self.has_answer = self.highs.getInfo().primal_solution_status == int(feasible)
        if not self.has_answer:
            stopped = self.highs.getModelStatus() == highspy.HighsModelStatus.kSolutionLimit
            return set() if stopped else None
        values = np.array(self.highs.getSolution().col_value)
        self.spots, given_way = values[:columns], values[columns:].reshape(-1, 2).sum(axis=1)
        broken = set(self.line_of_row[given_way > _SLACK].tolist())
        if (self.spots > self.problem.most + _SLACK).any():
            broken.add(self.on_offer)
        if (self.spots < self.problem.least - _SLACK).any():
            broken.add(self.pins)
        return broken - kept

    def relaxed(self, problem: Problem, kept: set[int]) -> Problem:
        """Return the problem with only some of its limits.

        Parameters
        ----------
        problem : Problem
        kept : set of int
            Numbers of the lines to keep.
        """
        lines = self.line_of_row.tolist()
        held = [row for row, line in zip(self.given, lines, strict=True) if line in kept]
        limits = tuple(row for row in held if row.setting != BUDGET)
        most, least = problem.most, problem.least
        if self.on_offer not in kept:
            most = np.maximum(most, _PLENTY)
        if self.pins not in kept:
            least = np.zeros_like(least)
        free = all(row.setting != BUDGET for row in held)
        budget = float(problem.cost @ most) if free else problem.budget
        return replace(problem, limits=limits, most=most, least=least, budget=budget)


def find_nearest_whole(problem: Problem, near: Floats) -> tuple[Ints | None, tuple[str, ...]]:
    """Find whole spots that break the limits least, for where none are known to keep them.

    Parameters
    ----------
    problem : Problem
    near : float array [columns]
        Fractions of spots that keep the limits: other columns than theirs are looked at in small
        problems only.

    Returns
    -------
    spots : int array [columns] or None
        None where the search found nothing.
    broken : tuple of str
        The brief's lines that they break.
    """
    used = np.arange(problem.columns)
    if problem.is_large:
        used = np.flatnonzero((near > _SLACK) | (problem.least > 0))
    part = replace(
        problem,
        cell=problem.cell[used],
        period=problem.period[used],
        cost=problem.cost[used],
        impressions=problem.impressions[used],
        least=problem.least[used],
        most=problem.most[used],
        limits=tuple(
            replace(limit, coefficients=limit.coefficients[used]) for limit in problem.limits
        ),
        most_per_week=problem.most_per_week[used],
        pinned=problem.pinned[used],
    )
    something, budget = _money_rows(part)
    elastic = _Elastic(part, [budget, *part.limits], always=something, whole=True)
    # What is on offer and the pins give way at no price: they are held, or only they would break.
    broken = elastic.violated({elastic.on_offer, elastic.pins})
    if not elastic.has_answer:
        return None, ()
    spots = np.zeros(problem.columns, dtype=np.int64)
    spots[used] = np.round(elastic.spots).astype(np.int64)
    return spots, tuple(elastic.names[n] for n in sorted(broken or ()))


def _money_rows(problem: Problem) -> tuple[LinearLimit, LinearLimit]:
    """Return the rows "something is bought" and "the budget is kept"."""
    scale = problem.money_scale
    share = problem.cost / scale
    something = LinearLimit("", share, float(share.min()), np.inf)
    return something, LinearLimit(BUDGET, share, -np.inf, problem.budget / scale)


def broken_limits(problem: Problem, spots: Ints, *, tolerance: float = 1e-6) -> list[str]:
    """Name the limits that a given schedule does not keep.

    Parameters
    ----------
    problem : Problem
    spots : int array [columns, weeks]
    tolerance : float
        Relative.
    """
    total = spots.sum(axis=1)
    names = []
    if problem.spent(total) > problem.budget * (1 + tolerance):
        names.append(BUDGET)
    if (spots > problem.most_per_week).any():
        names.append(ON_OFFER)
    if ((spots != problem.pinned) & (problem.pinned > 0)).any():
        names.append(PINS)
    for limit in problem.limits:
        value = float(limit.coefficients @ total)
        slack = tolerance * max(1.0, abs(value))
        if value < limit.lower - slack or value > limit.upper + slack:
            names.append(limit.setting)
    return names
