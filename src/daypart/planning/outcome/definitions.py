"""Definitions of the terms of a plan, and notes on its figures."""

from __future__ import annotations

from collections.abc import Sequence

from daypart.disclosure.rules import DisclosureRules
from daypart.planning.brief.brief import Brief
from daypart.planning.outcome.comparison import SamplingGap
from daypart.planning.panel.calibration import Calibration
from daypart.planning.panel.panel import Panel

DEFINITIONS = {
    "Spot": "One minute placed at random within its market, network, daypart and broadcast week.",
    "Impressions": "Households of the target expected to watch the minute of a spot, summed over "
    "spots.",
    "GRP": "Gross rating points: 100 x impressions / universe estimate. A line's or a market's GRP "
    "refers to that market's universe estimate, every other one to all markets of the brief.",
    "Reach k+": "Households of the target exposed at least k times, in percent of the universe "
    "estimate; each household counts once, however many networks it was reached on.",
    "Average frequency": "Impressions / households reached.",
    "Universe estimate": "Households of the target in the markets of the brief.",
    "Broadcast week": "Monday to Sunday; named by its Monday.",
    "Interval": "80 %: in four of five samples of the panel it holds the true figure.",
    "Optimisation gap": "How much more of the objective any plan within the limits could have, "
    "relative to this one; proven by the solver's bound on the optimiser's model of reach.",
    "Sampling gap": "Reach of a plan on the half of the panel that it was optimised on over its "
    "reach on the other half, less one: how much of an optimum is due to the sample.",
    "Even split": "The same budget with the same money in everything that can be bought.",
    "Limited by": "The limits that bind, and what one percent more budget (or one point more of a "
    "share, or one GRP less of a floor) would add to the objective.",
    "Shadow price": "What the objective gains at the best plan in fractions of spots: by one more "
    "unit of money in all or in one market, or by a limit loosened by its own unit.",
}


def notes_of(
    panel: Panel,
    brief: Brief,
    sampling: SamplingGap | None,
    calibration: Calibration | None,
    rules: DisclosureRules,
    shortened: int = 0,
    unwatched: Sequence[str] = (),
    aim_percent: float | None = None,
) -> list[str]:
    """Write the notes on a plan's figures.

    Parameters
    ----------
    panel : Panel
        Of the target.
    brief : Brief
    sampling : SamplingGap or None
    calibration : Calibration or None
    rules : DisclosureRules
        That figures were held to.
    shortened : int
        Cells whose spots are bounded by their minutes of history.
    unwatched : sequence of str
        Cells with spots that no panel household watches.
    aim_percent : float, optional
        The reach of the model at which the counted reach is the goal.
    """
    notes = [
        f"Reach is counted on {panel.households:,} panel households of {brief.segment} over "
        f"{panel.weeks} weeks of history, without bias (U-statistic), and projected to "
        f"{panel.universe_estimate.sum():,.0f} households.",
        f"Figures on fewer than {rules.contributors} raw panel households are suppressed, and "
        f"frequencies of fewer than {rules.households} folded into the next lower one.",
        "A spot's cost is its impressions in "
        + ("all households" if brief.rate_card_basis == "households" else "the target")
        + f" / 1,000 x CPM of the rate card, for {brief.spot_length} seconds.",
    ]
    if sampling is None:
        notes.append("The sampling gap is not known: a market has too few panel households.")
    else:
        notes.append(
            f"Sampling gap: {sampling.own_percent:.1f} % reach on the half optimised on, "
            f"{sampling.other_percent:.1f} % on the other half."
        )
    if calibration is None:
        notes.append("Impressions are those of the history; no forecast was given.")
    else:
        notes.append(
            f"Impressions are the mean of the {calibration.model} forecast for the flight; "
            "intervals hold its uncertainty beside that of the panel, taken as independent. "
            f"{calibration.without_forecast} cells have no forecast and keep their history."
        )
    if shortened:
        notes.append(
            f"In {shortened} cells fewer spots are on offer than the limits allow: the count of "
            "reach is undefined for more spots than minutes of history."
        )
    if aim_percent is not None:
        notes.append(
            f"The goal of {brief.reach_goal_percent:g} % is of reach as counted; the optimiser's "
            f"model aimed at {aim_percent:.2f} %, and the bound is the least cost of that."
        )
    if unwatched:
        notes.append(
            f"No panel household watches these cells with spots, which cost 0.01 each: "
            f"{'; '.join(unwatched)}."
        )
    if panel.simulated:
        notes.append("The audience data are simulated.")
    return notes
