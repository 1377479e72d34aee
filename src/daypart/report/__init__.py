"""The report: one HTML file that opens without a network.

`sources` reads what the other commands wrote, `gather` puts the content together (one module
per section), `draw` turns its charts into specifications, `page` writes the file.
"""

from __future__ import annotations

from pathlib import Path

from daypart.errors import DaypartError
from daypart.progress import SILENT, Progress
from daypart.storage.files import make_folder, write_text
from daypart.storage.location import PathLike, local_path

__all__ = ["report"]


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
    currency : str
        Sign or word before amounts of money; a plan in another currency than dollars keeps its
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
        Naming the input that is not there or not readable; nothing is written then.

    Examples
    --------
    >>> report("/tmp/report.html", store="/nowhere")
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: /nowhere/store.json: no such file
    """
    from daypart.report.gather import gather_content
    from daypart.report.page import read_logo, render_page
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
        content = gather_content(sources, title)
        page = render_page(content, logo=read_logo(logo))
        make_folder(file.parent)
        write_text(file, page)
        step.summarise(f"{len(content.panels)} charts, {len(page.encode()):,} bytes: {file}")
    return file
