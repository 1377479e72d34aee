"""Headlines in sentences, and definitions of the metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

DEFINITIONS: Mapping[str, str] = {
    "viewing minutes": "Household-minutes credited, each household with its projection weight.",
    "average audience": "Viewing minutes divided by the minutes of the window: households.",
    "rating": "100 x average audience / universe estimate, in percent.",
    "credited household-hours": "Raw in-tab households credited, summed over hours: no weights.",
    "interval of a rating": "80 % interval: in-tab households are a sample of the universe.",
    "interval of an index": "80 % interval; both ratings are of the same sample of households.",
    "coming week": "Rating of the week after the data with its 80 % interval, by the run's model.",
    "HUT": "Households using television: the rating of any network, each household once.",
    "share": "100 x rating / HUT, in percent.",
    "impressions": "Average audience of one spot, a minute of the daypart: households.",
    "index": "100 x rating in the segment / rating among all households; 100 is par.",
    "universe estimate": "Households of the market, or of the segment there, by weight.",
    "suppressed": "Too few in-tab households, or could be found by subtraction; not a zero.",
}

_LEAST_RATING = 0.1
"""Smallest rating of a network in a segment for a headline on its index."""


def headlines_of(
    tops: Sequence[Mapping[str, Any]], hours: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return sentences: which network leads, which index is surest above par, and the peak hour.

    Parameters
    ----------
    tops : sequence of mapping
        As `top_networks` returns them.
    hours : sequence of mapping
        As `heat_map` returns them.
    """
    sentences = []
    leaders = [row for row in tops if row["segment"] == "all" and row["rank"] == 1]
    if leaders:
        sentences.append(
            f"{leaders[0]['network']} leads among all households: rating "
            f"{leaders[0]['rating']:.2f} %{_interval(leaders[0])}."
        )
    indexed = [
        row
        for row in tops
        if row["segment"] != "all"
        and row["index_lo_80"] is not None
        and row["rating"] >= _LEAST_RATING
    ]
    if indexed:
        best = max(indexed, key=lambda row: row["index_lo_80"])
        sentences.append(
            f"{best['network']} stands out most among {best['segment']}: index "
            f"{best['index']:.0f} ({best['index_lo_80']:.0f} to {best['index_hi_80']:.0f}) "
            "against all households."
        )
    peaks = [
        row
        for row in hours
        if row["segment"] == "all" and row["network"] == "any" and row["rating"] is not None
    ]
    if peaks:
        peak = max(peaks, key=lambda row: row["rating"])
        sentences.append(
            f"Television peaks on {peak['day']} at {peak['hour']:02d}:00 local time: HUT "
            f"{peak['rating']:.1f} %."
        )
    return sentences


def _interval(row: Mapping[str, Any]) -> str:
    if row["rating_lo_80"] is None:
        return ""
    text = f" ({row['rating_lo_80']:.2f} to {row['rating_hi_80']:.2f} %)"
    if row["coming_week_lo_80"] is None:
        return text
    low, high = row["coming_week_lo_80"], row["coming_week_hi_80"]
    return f"{text}, {low:.2f} to {high:.2f} % expected in a coming week"
