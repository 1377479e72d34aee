"""The page of `daypart inspect --html`: a store's profile as one HTML file."""

from __future__ import annotations

from datetime import date, timedelta

from daypart.charts.coverage import coverage_by_day
from daypart.report.content import ChartPanel, Content, Section, Table, as_download
from daypart.report.page import render_page
from daypart.viewing.inspect import Profile
from daypart.wording import counted


def coverage_page(profile: Profile) -> str:
    """Return a profile as one HTML text that loads nothing."""
    rows = [
        {
            "region": each.region,
            "day": (date.fromisoformat(each.first_day) + timedelta(days=place)).isoformat(),
            "hours": hours,
        }
        for each in profile.coverage
        for place, hours in enumerate(each.hours)
    ]
    least = profile.least_households
    empty = sum(len(each.empty_days) for each in profile.coverage)
    chart = ChartPanel(
        "coverage",
        "Hours with data by region and day",
        f"{counted(empty, 'day')} of a region without data.",
        "Hours are counted in local time."
        + (f" An hour has data where {least} households or more viewed." if least else ""),
        lambda: coverage_by_day(rows),
        as_download("coverage.csv", rows),
        wide=True,
    )
    odd = Table(
        "Odd series",
        ["series", "why"],
        [[each.unique_id, each.reason] for each in profile.odd_series],
    )
    section = Section(
        "coverage",
        "Coverage",
        charts=[chart] if rows else [],
        tables=[odd] if profile.odd_series else [],
    )
    subtitle = (
        f"{counted(profile.partitions, 'partition')}, {profile.first_day} to {profile.last_day}"
    )
    return render_page(
        Content(f"Profile of {profile.store}", subtitle, profile.simulated, [], [section], [])
    )
