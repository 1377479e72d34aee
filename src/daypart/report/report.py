"""The report: its sections in their order, the inputs that are missing, and the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from daypart.errors import DaypartError
from daypart.progress import SILENT, Progress
from daypart.report.content import Content, Section
from daypart.storage.files import make_folder, write_text
from daypart.storage.location import PathLike, local_path

if TYPE_CHECKING:
    from daypart.report.sources import Sources

MOST_CHARTS = 9
_REPLACEABLE = ("coverage", "hour-of-week", "by-market", "network-index")
"""Charts replaced by their sentence where there are too many for a report, the first one first."""


def report(
    out: PathLike,
    *,
    store: PathLike,
    run: PathLike | None = None,
    insights: PathLike | None = None,
    plan: PathLike | None = None,
    delivery: PathLike | None = None,
    backtest: PathLike | None = None,
    forecast: PathLike | None = None,
    truth: PathLike | None = None,
    title: str = "Audience report",
    currency: str = "$",
    logo: PathLike | None = None,
    progress: Progress = SILENT,
) -> Path:
    """Write one HTML file with the plan, its certificate, the forecast, the audience and the fit.

    Parameters
    ----------
    out : path
        The file, such as `report.html`.
    store : path
        Folder of the store.
    run : path, optional
        Folder of a run: the health of the fit.
    insights : path, optional
        Folder that `insights` wrote.
    plan : path, optional
        Folder that `plan` wrote, or its `plan.json`.
    delivery : path, optional
        Folder that `measure` wrote, or its `delivery.json`.
    backtest : path, optional
        Folder that `backtest` wrote.
    forecast : path, optional
        File that `predict` wrote; its largest group is drawn.
    truth : path, optional
        `truth.parquet` of a simulated market.
    title : str
        Title of the page.
    currency : str
        Sign or code before amounts of money. A plan in another currency than dollars keeps its
        own unless this is given.
    logo : path, optional
        PNG, SVG or JPEG of at most 200,000 bytes.
    progress : Progress

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DaypartError
        Naming the input that does not exist or is not readable; nothing is written then.

    Examples
    --------
    >>> report("/tmp/report.html", store="/nowhere")
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: /nowhere/store.json: no such file
    """
    from daypart.report.sources import read_sources

    file = local_path(out)
    if file.is_dir():
        raise DaypartError(f"{file}: is a folder", hint="name a file such as report.html")
    with progress.step("writing the report") as step:
        sources = read_sources(
            store,
            run=run,
            insights=insights,
            plan=plan,
            delivery=delivery,
            backtest=backtest,
            forecast=forecast,
            truth=truth,
            currency=currency,
        )
        from daypart.report.page import read_logo, render_page

        content = report_content(sources, title)
        page = render_page(content, logo=read_logo(logo))
        make_folder(file.parent)
        write_text(file, page)
        step.summarise(f"{len(content.charts)} charts, {len(page.encode()):,} bytes: {file}")
    return file


def report_content(sources: Sources, title: str) -> Content:
    """Return the content of a report, before it is drawn.

    Parameters
    ----------
    sources : Sources
    title : str

    Returns
    -------
    Content
        Without the sections whose inputs are missing; `left_out` names the commands for them.
    """
    insights = sources.insights.record if sources.insights else {}
    return Content(
        title=title,
        subtitle=_subtitle(sources),
        simulated=sources.simulated,
        headlines=[str(sentence) for sentence in insights.get("headlines", [])],
        sections=_within_limit(_sections(sources)),
        left_out=list(_left_out(sources)),
    )


def _sections(sources: Sources) -> list[Section]:
    from daypart.report.sections import audience, data, delivery, forecast, model, plan, spending
    from daypart.report.sections.definitions import definitions_section

    every = (
        plan.plan_section,
        delivery.delivery_section,
        forecast.forecast_section,
        spending.spending_section,
        audience.audience_section,
        model.model_section,
        data.data_section,
        plan.lines_section,
        definitions_section,
    )
    return [section for make in every if (section := make(sources)) is not None]


def _within_limit(sections: Sequence[Section]) -> list[Section]:
    """Replace some charts by their sentence, where there would be too many charts."""
    names = [chart.name for section in sections for chart in section.charts]
    spare = [name for name in _REPLACEABLE if name in names]
    replaced = frozenset(spare[: max(0, len(names) - MOST_CHARTS)])
    return [
        replace(
            section,
            sentences=[
                *section.sentences,
                *(chart.insight for chart in section.charts if chart.name in replaced),
            ],
            charts=[chart for chart in section.charts if chart.name not in replaced],
        )
        for section in sections
    ]


def _left_out(sources: Sources) -> Iterator[tuple[str, str]]:
    store, run = sources.store, sources.run or "run"
    commands = (
        (
            sources.plan,
            "plan, reach curve, markets, spots by week, frequency",
            f"daypart plan {store} --brief brief.toml --out plan",
        ),
        (sources.run, "health of the fit", f"daypart fit {store} --run run"),
        (
            sources.forecast,
            "forecast of the coming weeks",
            f"daypart predict {run} --weeks 4 --by market --per day --out forecast.parquet",
        ),
        (
            sources.insights,
            "hours of the week, networks by index",
            f"daypart insights {run} --out insights",
        ),
        (
            sources.backtest,
            "held-out weeks and calibration",
            f"daypart backtest {store} --weeks 2 --out backtest",
        ),
    )
    for source, what, command in commands:
        if source is None:
            yield what, command


def _subtitle(sources: Sources) -> str:
    names = [sources.market_name(code) for code in sources.viewing.get("markets") or {}]
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return f"Markets: {shown}" if shown else f"Store: {sources.store.name}"
