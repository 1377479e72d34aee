"""Which figures on the audience of a schedule may leave: reach, impressions, frequency.

Each figure is a sum over households. It needs enough of them with a part that is not 0, none who
dominates it, and enough households in its difference to every figure that left before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daypart.disclosure.contributors import is_dominated
from daypart.disclosure.ledger import digest_of, releases, sketch, too_close, write_entry
from daypart.disclosure.rules import DisclosureRules
from daypart.errors import DaypartError
from daypart.storage.location import PathLike

IMPRESSIONS, REACH = "impressions", "reach"
"""The kinds of figures; only those of one kind are compared."""

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Row:
    """A row of a table whose impressions add up to a total.

    Parameters
    ----------
    impressions, reach : array, shape (households of the row,)
        What each household adds to its impressions and to its reach, without weights.
    used : bool
        Whether it has spots; the figures of the others are 0.
    households : slice
        The households that its figures are about.
    """

    impressions: NDArray[np.float64] | Ints
    reach: NDArray[np.float64] | Ints
    used: bool
    households: slice = field(default_factory=lambda: slice(None))


class Audience:
    """The households behind the figures of a release, and the figures that left before.

    Parameters
    ----------
    store : path-like
    rules : DisclosureRules
    household : int64 array, shape (households,)
        Hashed ids of the households that figures are about.
    weight : float64 array, shape (households,)
        Projection weights.

    Raises
    ------
    DaypartError
        Where they are fewer than the rules' base.
    """

    def __init__(
        self, store: PathLike, rules: DisclosureRules, household: Ints, weight: Floats
    ) -> None:
        if len(household) < rules.households:
            raise DaypartError(
                f"{len(household)} households are too few for figures on them: "
                f"the store's rule is {rules.households}",
                hint="take a wider segment or more markets",
            )
        self._store, self._rules, self._household, self._weight = store, rules, household, weight
        self._left: dict[str, list[tuple[str, Floats]]] = {IMPRESSIONS: [], REACH: []}
        self._new: dict[str, list[Floats]] = {IMPRESSIONS: [], REACH: []}
        if rules.contributors <= 1 and rules.dominance_percent <= 0:
            return
        for entry in releases(store, sketches=True):
            for kind in self._left:
                if kind in entry.sketches:
                    self._left[kind].append((entry.when, entry.sketches[kind]))

    @property
    def rules(self) -> DisclosureRules:
        """The rules that figures are held to."""
        return self._rules

    def require(self, kind: str, parts: Floats) -> None:
        """Refuse the release where a figure can't be published.

        Parameters
        ----------
        kind : str
        parts : float64 array, shape (households,)
            What each household adds to it, without its weight.

        Raises
        ------
        DaypartError
            With the reason.
        """
        reason = self._reason(kind, parts)
        if reason is not None:
            raise DaypartError(
                f"no {kind} may be published: {reason}",
                hint="a wider segment, more markets or another schedule may be; "
                "`daypart releases` lists what left",
            )

    def may_publish(self, kind: str, parts: Floats) -> bool:
        """Return whether a figure may be published.

        Parameters
        ----------
        kind : str
        parts : float64 array, shape (households,)
        """
        return self._reason(kind, parts) is None

    def is_enough(self, parts: Floats) -> bool:
        """Return whether the households of a figure are enough by themselves.

        Parameters
        ----------
        parts : float64 array, shape (households,)
        """
        return self._few(parts) is None

    def rows_shown(self, rows: Sequence[Row]) -> Bools:
        """Return which rows of a table may be published beside its total.

        The impressions of the rows that are not add up to the total less the others. They are
        none, or two rows and more of enough households: else the smallest of the others goes too.

        Parameters
        ----------
        rows : sequence of Row

        Returns
        -------
        bool array, shape (rows,)
        """
        shown = np.array([self._may_show(row) for row in rows], np.bool_)
        used = np.array([row.used for row in rows], np.bool_)
        viewers = np.array([np.count_nonzero(row.impressions > 0) for row in rows])
        while not shown.all():
            behind = np.zeros(len(self._household), bool)
            for row, may_show in zip(rows, shown, strict=True):
                if not may_show:
                    behind[row.households] |= row.impressions > 0
            enough = np.count_nonzero(behind) >= self._rules.contributors
            others = np.flatnonzero(shown & used)
            if not len(others) or (enough and np.count_nonzero(~shown) > 1):
                break
            shown[others[np.argmin(viewers[others])]] = False
        return shown

    def leaves(self, output: str, content: Mapping[str, Any]) -> None:
        """Write the release into the store's ledger, before it leaves.

        Parameters
        ----------
        output : str
            The verb.
        content : mapping
            What leaves.
        """
        sketches = {kind: np.array(sums) for kind, sums in self._new.items() if sums}
        write_entry(self._store, output, self._rules, digest_of(content), sketches)

    def _may_show(self, row: Row) -> bool:
        if not row.used:
            return True
        base = len(self._household[row.households])
        return (
            base >= self._rules.households
            and self._reason(IMPRESSIONS, row.impressions, row.households) is None
            and self._reason(REACH, row.reach, row.households) is None
        )

    def _few(self, parts: Floats | Ints, where: slice = slice(None)) -> str | None:
        if np.count_nonzero(parts > 0) < self._rules.contributors:
            return f"it rests on fewer than {self._rules.contributors} households"
        weighted, everyone = (parts * self._weight[where])[:, None], np.ones((len(parts), 1), bool)
        if is_dominated(weighted, everyone, self._rules.dominance_percent).any():
            return "one household makes up most of it"
        return None

    def _reason(self, kind: str, parts: Floats | Ints, where: slice = slice(None)) -> str | None:
        """Return why a figure can't be published; None where it can, and is kept as published."""
        reason = self._few(parts, where)
        if reason is not None:
            return reason
        sums = sketch(parts, self._household[where])
        for when, known in self._left[kind]:
            if too_close(known, sums, self._rules).any():
                return f"too few households make the difference to what left on {when[:19]}Z"
        if self._new[kind] and too_close(np.array(self._new[kind]), sums, self._rules).any():
            return "too few households make the difference to another figure"
        self._new[kind].append(sums)
        return None
