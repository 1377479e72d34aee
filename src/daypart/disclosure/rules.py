"""The thresholds that a figure must pass to be published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daypart.errors import DaypartError


@dataclass(frozen=True)
class DisclosureRules:
    """The thresholds of a store.

    Parameters
    ----------
    households : int
        Raw in-tab households that a figure's base must have.
    contributors : int
        Raw households that must have viewed.
    dominance_percent : float
        The p % rule: the second largest contributor of projected viewing must not be able to
        estimate the largest within this percentage. 0 turns it off.

    References
    ----------
    Hundepool, A. et al. (2012). Statistical Disclosure Control, chapter 4: threshold rule and
    p % rule.
    """

    households: int = 50
    contributors: int = 10
    dominance_percent: float = 15.0

    @classmethod
    def of_store(cls, crediting: Mapping[str, Any]) -> DisclosureRules:
        """Return the rules that were set when a store was ingested.

        Parameters
        ----------
        crediting : mapping
            The crediting rules of the store.

        Examples
        --------
        >>> DisclosureRules.of_store({"minimum_cell_households": 100}).households
        100
        """
        own = cls()
        return cls(
            int(crediting.get("minimum_cell_households", own.households)),
            int(crediting.get("minimum_contributing_households", own.contributors)),
            float(crediting.get("dominance_percent", own.dominance_percent)),
        )

    def tightened(self, households: int | None) -> DisclosureRules:
        """Return the rules with a larger base.

        Parameters
        ----------
        households : int or None
            None keeps the store's.

        Raises
        ------
        DaypartError
            Where it is smaller than the store's: a command can't loosen the rules.

        Examples
        --------
        >>> DisclosureRules().tightened(80).households
        80
        """
        if households is None:
            return self
        if households < self.households:
            raise DaypartError(
                f"min_households is {households}, the store's rule is {self.households}",
                hint=f"give {self.households} or more; the rule is set at ingest",
            )
        return DisclosureRules(households, self.contributors, self.dominance_percent)
