"""The linear master of the cutting-plane method, kept warm in HiGHS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from daypart.planning.arrays import Floats, Ints
from daypart.planning.problem.problem import Problem

_INFINITE = 1e30
_BINDS = 1e-12
_IDLE_SOLVES = 3
_CUTS_PER_CLUSTER = 12


@dataclass(frozen=True)
class MasterSolution:
    """What the master found.

    Parameters
    ----------
    spots : float array [columns]
    reached : float array [clusters]
        What the cuts allow.
    bound : float
        No plan within the limits does better.
    prices : float array [1 + limits]
        Points of objective for one more unit of the budget (as a share) and of each limit.
    frequency_price : float
        Points of objective for one more GRP that the limit on average frequency would allow.
    """

    spots: Floats
    reached: Floats
    bound: float
    prices: Floats
    frequency_price: float = 0.0


def open_highs() -> Any:
    """Open HiGHS on one thread, without output."""
    import highspy

    class QuietHighs(highspy.Highs):  # type: ignore[misc]
        def enableCallbacks(self) -> None:  # noqa: N802 - HiGHS names it; it prints a banner
            pass

    highs = QuietHighs()
    for option, value in (("output_flag", False), ("threads", 1), ("random_seed", 0)):
        highs.setOptionValue(option, value)
    return highs


class Master:
    """Maximise the sum of `reached` under the limits and the cuts so far.

    Parameters
    ----------
    problem : Problem
    ceiling : float array [clusters]
        What `reached` can't exceed.
    other_reach : float array [clusters], optional
        Ceilings of a second set of variables, numbered on from `reached`: reach 1+ for the limit on
        average frequency, where something else is maximised.
    """

    def __init__(
        self, problem: Problem, ceiling: Floats, other_reach: Floats | None = None
    ) -> None:
        self.problem = problem
        self.clusters = len(ceiling)
        if other_reach is not None:
            ceiling = np.concatenate([ceiling, other_reach])
        self.epigraphs = len(ceiling)
        columns = problem.columns
        self._highs = open_highs()
        self._highs.setOptionValue("primal_feasibility_tolerance", 1e-9)
        self._highs.addVars(columns, problem.least.astype(float), problem.most.astype(float))
        self._highs.addVars(self.epigraphs, np.zeros(len(ceiling)), np.minimum(ceiling, _INFINITE))
        reached = np.arange(columns, columns + self.clusters)
        self._highs.changeColsCost(self.clusters, reached.astype(np.int32), np.ones(self.clusters))
        self._highs.setMaximize()
        self._scale = problem.money_scale
        share = problem.cost / self._scale
        self._add_rows([share], [-np.inf], [problem.budget / self._scale], np.arange(columns))
        for limit in problem.limits:
            self._add_rows([limit.coefficients], [limit.lower], [limit.upper], np.arange(columns))
        self._prices = 1 + len(problem.limits)
        self._fixed_rows = self._prices + (problem.frequency is not None)
        if problem.frequency is not None:
            last = np.arange(columns + self.epigraphs - self.clusters, columns + self.epigraphs)
            spared = np.full(self.clusters, problem.frequency.most)
            row = np.concatenate([-problem.frequency.grp, spared])
            self._add_rows([row], [0.0], [np.inf], np.concatenate([np.arange(columns), last]))
        self._idle = np.zeros(0, dtype=np.int64)

    def set_budget(self, budget: float) -> None:
        """Change the budget."""
        self._highs.changeRowBounds(0, -_INFINITE, min(budget / self._scale, _INFINITE))

    def add_cuts(
        self, cluster: Ints, columns: list[Ints], slopes: list[Floats], at: Floats
    ) -> None:
        """Add the cut `reached[g] <= slopes . spots[columns] + at` for each cluster g given.

        Parameters
        ----------
        cluster : int array [cuts]
        columns : list of int arrays
            The columns of each cut.
        slopes : list of float arrays
            Their coefficients.
        at : float array [cuts]
        """
        starts, indices, values = [], [], []
        count = 0
        for g, where, slope in zip(cluster, columns, slopes, strict=True):
            starts.append(count)
            indices.append(np.append(where, self.problem.columns + g))
            values.append(np.append(-slope, 1.0))
            count += len(where) + 1
        if not starts:
            return
        self._highs.addRows(
            len(starts),
            np.full(len(starts), -_INFINITE),
            np.asarray(at, dtype=np.float64),
            count,
            np.array(starts, dtype=np.int32),
            np.concatenate(indices).astype(np.int32),
            np.concatenate(values),
        )
        self._idle = np.append(self._idle, np.zeros(len(starts), dtype=np.int64))

    def _forget_idle_cuts(self, duals: Floats) -> None:
        """Delete cuts that have not bound for a while, once there are many; warm starts go on."""
        self._idle = np.where(np.abs(duals[self._fixed_rows :]) > _BINDS, 0, self._idle + 1)
        if len(self._idle) < _CUTS_PER_CLUSTER * self.epigraphs:
            return
        idle = np.flatnonzero(self._idle > _IDLE_SOLVES)
        self._highs.deleteRows(len(idle), (idle + self._fixed_rows).astype(np.int32))
        self._idle = np.delete(self._idle, idle)

    def solve(self) -> MasterSolution | None:
        """Solve the linear master; None where no spots keep the limits."""
        import highspy

        self._highs.run()
        if self._highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        solution = self._highs.getSolution()
        values = np.array(solution.col_value)
        columns = self.problem.columns
        duals = np.array(solution.row_dual)
        bound = float(self._highs.getInfo().objective_function_value)
        self._forget_idle_cuts(duals)
        return MasterSolution(
            spots=np.clip(values[:columns], self.problem.least, self.problem.most),
            reached=values[columns : columns + self.clusters],
            bound=bound,
            prices=duals[: self._prices],
            frequency_price=-float(duals[self._prices]) if self.problem.frequency else 0.0,
        )

    def solve_whole(
        self, start: Ints | None, *, gap: float, nodes: int, seconds: float
    ) -> tuple[Ints, float] | None:
        """Solve the master in whole spots; return them and the bound, or None without any.

        Parameters
        ----------
        start : int array [columns], optional
            Spots to start from.
        gap : float
            Relative gap to stop at.
        nodes : int
            Branch-and-bound nodes to stop at.
        seconds : float
            A stop of last resort: reached only on a machine far slower than expected.
        """
        import highspy

        highs, columns = self._highs, self.problem.columns
        kinds = np.zeros(columns + self.epigraphs, dtype=np.uint8)
        kinds[:columns] = 1
        everything = np.arange(len(kinds), dtype=np.int32)
        highs.changeColsIntegrality(len(kinds), everything, kinds)
        highs.setOptionValue("mip_rel_gap", gap)
        highs.setOptionValue("mip_max_nodes", nodes)
        highs.setOptionValue("time_limit", highs.getRunTime() + seconds)
        if start is not None:
            highs.setSolution(columns, np.arange(columns, dtype=np.int32), start.astype(np.float64))
        highs.run()
        info = highs.getInfo()
        found = highs.getSolution()
        result = None
        if highs.getModelStatus() != highspy.HighsModelStatus.kInfeasible and found.value_valid:
            spots = np.rint(np.array(found.col_value[:columns])).astype(np.int64)
            result = spots, float(info.mip_dual_bound)
        highs.setOptionValue("time_limit", float("inf"))
        highs.changeColsIntegrality(len(kinds), everything, np.zeros_like(kinds))
        return result

    def _add_rows(
        self, rows: list[Floats], lower: list[float], upper: list[float], columns: Ints
    ) -> None:
        for values, low, high in zip(rows, lower, upper, strict=True):
            used = np.flatnonzero(values)
            self._highs.addRow(
                max(low, -_INFINITE),
                min(high, _INFINITE),
                len(used),
                columns[used].astype(np.int32),
                values[used],
            )
