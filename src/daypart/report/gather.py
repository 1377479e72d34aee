"""Gathers the content of a report: its sections in their order, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from daypart.report.audience_sections import audience_section
from daypart.report.content import Content, Section
from daypart.report.data_section import data_section, definitions_section
from daypart.report.draw import MOST_CHARTS
from daypart.report.fit_section import fit_section
from daypart.report.forecast_section import forecast_section
from daypart.report.plan_sections import lines_section, plan_section
from daypart.report.reached_sections import delivery_section
from daypart.report.sources import Sources
from daypart.report.spending_section import spending_section

_GIVES_WAY = ("coverage", "hour-of-week", "by-market", "network-index")
"""Charts that become a sentence where there are more than a report holds, the first one first."""


def gather_content(sources: Sources, title: str) -> Content:
    """Gather everything that a report says, before it is drawn.

    Parameters
    ----------
    sources : Sources
    title : str

    Returns
    -------
    Content
        Sections whose inputs are absent are not in it; `left_out` says how to make them.
    """
    return Content(
        title=title,
        subtitle=_subtitle(sources),
        simulated=sources.simulated,
        headlines=_headlines(sources),
        sections=_within_limit([s for s in _sections(sources) if s is not None]),
        left_out=list(_left_out(sources)),
    )


def _sections(sources: Sources) -> Iterator[Section | None]:
    plan = sources.plan
    if plan is not None:
        yield plan_section(sources, plan)
    if sources.delivery is not None:
        yield delivery_section(sources, sources.delivery)
    if sources.forecast is not None:
        yield forecast_section(sources, sources.forecast)
    if plan is not None:
        yield spending_section(sources, plan)
    if sources.insights is not None:
        yield audience_section(sources, sources.insights)
    yield fit_section(sources)
    yield data_section(sources)
    if plan is not None:
        yield lines_section(sources, plan)
    yield definitions_section(sources)


def _within_limit(sections: Sequence[Section]) -> list[Section]:
    """Put what some charts show into a sentence, where there would be too many charts."""
    panels = [panel.name for section in sections for panel in section.panels]
    spare = [name for name in _GIVES_WAY if name in panels]
    told = frozenset(spare[: max(0, len(panels) - MOST_CHARTS)])
    return [
        replace(
            section,
            sentences=[*section.sentences, *(p.insight for p in section.panels if p.name in told)],
            panels=[panel for panel in section.panels if panel.name not in told],
        )
        for section in sections
    ]


def _left_out(sources: Sources) -> Iterator[tuple[str, str]]:
    store = sources.store
    run = sources.run or "run"
    if sources.plan is None:
        yield (
            "plan, reach curve, markets, spots by week, frequency",
            f"daypart plan {store} --brief brief.toml --out plan",
        )
    if sources.run is None:
        yield "health of the fit", f"daypart fit {store} --run run"
    if sources.forecast is None:
        yield (
            "forecast of the coming weeks",
            f"daypart predict {run} --weeks 4 --by market --per day --out forecast.parquet",
        )
    if sources.insights is None:
        yield "hours of the week, networks by index", f"daypart insights {run} --out insights"
    if sources.backtest is None:
        yield (
            "held-back weeks and calibration",
            f"daypart backtest {store} --weeks 2 --out backtest",
        )


def _headlines(sources: Sources) -> list[str]:
    told = sources.insights.record.get("headlines", []) if sources.insights else []
    return [str(sentence) for sentence in told]


def _subtitle(sources: Sources) -> str:
    names = [sources.market_name(code) for code in sources.viewing.get("markets") or {}]
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return f"Markets: {shown}" if shown else f"Store: {sources.store.name}"
