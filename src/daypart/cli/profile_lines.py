"""A store's profile as lines of a terminal."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from daypart.wording import counted

if TYPE_CHECKING:
    from daypart.series.coverage import Coverage
    from daypart.viewing.inspect import Profile

_MOST_DAYS = 5
"""Named in a line."""
_MOST_REGIONS = 40
_MOST_COLUMNS = 60
_SHADES = "·░▒▓█"
"""From no hour of a day to all."""


def profile_lines(profile: Profile) -> list[str]:
    """Return span, grain, zones, days without data and partial days."""
    span, zones = f"{profile.first_day} to {profile.last_day}", ", ".join(profile.timezones)
    lines = [f"profile: {span}, one count per {profile.grain}, {zones}"]
    if shares := ", ".join(f"{name} {share:.2g} %" for name, share in profile.set_aside.items()):
        lines.append(f"rows set aside: {shares}")
    for noun, days in (
        (_without_data(profile), [(each.region, each.empty_days) for each in profile.coverage]),
        ("partial", [(each.region, each.partial_days) for each in profile.coverage]),
    ):
        lines += _day_lines(noun, days)
    if profile.regions_withheld:
        lines.append(
            f"coverage of {counted(profile.regions_withheld, 'region')} withheld: too few "
            "households for the store's disclosure rules"
        )
    if profile.households_without_events is not None:
        lines.append(
            f"{profile.households_without_events:,} of {profile.households:,} households "
            "have no event"
        )
    return lines + [f"odd: {each.unique_id}: {each.reason}" for each in profile.odd_series]


def _without_data(profile: Profile) -> str:
    """Return what a day without data is: in a viewing store, one of too few to be published."""
    least = profile.least_households
    return "without data" if least is None else f"with under {least} households in every hour"


def _day_lines(noun: str, days: list[tuple[str, tuple[str, ...]]]) -> list[str]:
    """Return a line with the first days of the kind, by day, and their regions."""
    by_day: dict[str, list[str]] = {}
    for region, found in days:
        for day in found:
            by_day.setdefault(day, []).append(region)
    if not by_day:
        return []
    shown = [
        f"{day} (all regions)"
        if len(regions) == len(days)
        else f"{day} ({len(regions)} of {len(days)} regions)"
        for day, regions in sorted(by_day.items())[:_MOST_DAYS]
    ]
    more = len(by_day) - len(shown)
    return [
        f"{counted(len(by_day), 'day')} {noun}: {', '.join(shown)}"
        + f" and {more:,} more" * (more > 0)
    ]


def coverage_lines(profile: Profile) -> list[str]:
    """Draw the hours with data: a line per region, a character per day or per several days.

    Several days are drawn as the worst of them.
    """
    coverage, least = profile.coverage, profile.least_households
    if not coverage:
        return []
    start = min(each.first_day for each in coverage)
    every = [_padded(each, start) for each in coverage]
    days = -(-max(map(len, every)) // _MOST_COLUMNS)
    width = min(24, max(len(each.region) for each in coverage))
    key = f"{_SHADES[0]} none, {_SHADES[-1]} all"
    what = "hours with data" if least is None else f"hours with {least} households or more"
    lines = [f"{what} ({key}), {counted(days, 'day')} per character"]
    for each, hours in list(zip(coverage, every, strict=True))[:_MOST_REGIONS]:
        worst = [min(hours[place : place + days]) for place in range(0, len(hours), days)]
        signs = "".join(_SHADES[_shade(hour)] for hour in worst)
        lines.append(f"{each.region[:width]:{width}} {signs}")
    if len(coverage) > _MOST_REGIONS:
        lines.append(f"and {counted(len(coverage) - _MOST_REGIONS, 'region')} more")
    return lines


def _shade(hours: int) -> int:
    """Return the position of a day's shade: the last from 23 hours on, the first for none."""
    full = len(_SHADES) - 1
    return full if hours >= 23 else min(full - 1, -(-hours * full // 24))


def _padded(coverage: Coverage, start: str) -> list[int]:
    before = (date.fromisoformat(coverage.first_day) - date.fromisoformat(start)).days
    return [0] * before + list(coverage.hours)
