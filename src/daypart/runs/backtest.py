"""Fit without the last weeks, and score the forecasts of them against simple ones."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from daypart._version import __version__
from daypart.disclosure.partitions import record_release, release_partitions, withheld_lines
from daypart.errors import DaypartError
from daypart.models.protocol import HasCalendar
from daypart.models.registry import get_model, is_external_model
from daypart.progress import SILENT, Progress
from daypart.runs.fit import fit
from daypart.runs.forecasts.forecast import check_draws
from daypart.runs.run.calendar import Calendar, read_calendar
from daypart.runs.run.parameters import GivenParameters, read_parameters
from daypart.runs.scoring.held_out import HeldOut, score_runs
from daypart.runs.scoring.hour_scores import LEVELS
from daypart.runs.scoring.metrics import Scores
from daypart.runs.scoring.sample import partition_names, sampled_store
from daypart.series.local_time import HOURS_PER_WEEK, hour_to_datetime
from daypart.series.store import SeriesStore
from daypart.storage.files import make_folder, write_json
from daypart.storage.location import Location, PathLike, file_name_of
from daypart.storage.tables import write_table
from daypart.wording import counted

SIZES = (
    ("below 0.1", 0.0, 0.1),
    ("0.1 to 1", 0.1, 1.0),
    ("1 to 10", 1.0, 10.0),
    ("10 and more", 10.0, np.inf),
)
"""Classes of a partition's mean count per hour before the held-out weeks."""


@dataclass(frozen=True)
class Backtest:
    """How well held-out weeks were forecast.

    Parameters
    ----------
    out : Location or None
        The folder with `backtest.json`, `backtest.parquet` and the runs; None if not kept.
    summary : mapping
        What `backtest.json` holds: `models`, `weeks`, `first_hour`, `partitions`,
        `not_scored`, `levels` and `sizes`; the last two are lists of one mapping per level (or
        class of size) and model, with `series`, `hours`, `mean_per_hour`, `crps`, `log_score`,
        `pinball`, `wape`, `coverage_50`, `coverage_80`, `coverage_95`, `inside_50` ... and
        these `_over_one`: see `scoring.Scores.summary`.
    partitions : pyarrow.Table
        What `backtest.parquet` holds: a row per model and partition.
    """

    out: Location | None
    summary: Mapping[str, Any]
    partitions: pa.Table

    def of(self, level: str, model: str) -> Mapping[str, Any]:
        """Return the summary of one level (`partition`, a key column, `total`) and model.

        Parameters
        ----------
        level : str
            `partition`, a key column or `total`.
        model : str
        """
        found = [
            row for row in self.summary["levels"] if (row["level"], row["model"]) == (level, model)
        ]
        if not found:
            raise DaypartError(f"the backtest has no level {level!r} of model {model!r}")
        return dict(found[0])

    def lines(self) -> list[str]:
        """Return the scores as a few lines of text."""
        text = [
            f"{counted(self.summary['weeks'], 'week')} held out from "
            f"{self.summary['first_hour']}, "
            f"{counted(self.summary['partitions'], 'partition')}, "
            f"{self.summary['not_scored']:,} not scored",
            *withheld_lines(self.summary["withheld"], "partition"),
        ]
        for row in self.summary["levels"]:
            if row["hours"]:
                wape = "-" if row["wape"] is None else f"{row['wape']:.1%}"
                text.append(
                    f"{row['level']:>12} {row['model']:<16} CRPS {row['crps']:8.3f}"
                    f"  log {row['log_score']:6.3f}  WAPE {wape:>6}"
                    + "".join(f"  {level}%: {row[f'coverage_{level}']:.1%}" for level in LEVELS)
                )
        for row in self.summary["levels"]:
            if row["level"] == "partition" and row["hours_over_one"]:
                held = [f"{level}%: {row[f'coverage_{level}_over_one']:.1%}" for level in LEVELS]
                text.append(f"   mean over 1 {row['model']:<16} held by  {'  '.join(held)}")
        return text


def backtest(
    store: PathLike,
    *,
    weeks: int = 2,
    model: str = "negbin",
    against: Sequence[str] = ("seasonal_naive",),
    sample: int | None = None,
    parameters: GivenParameters | None = None,
    calendar: Calendar | None = None,
    out: PathLike | None = None,
    workers: int | None = None,
    executor: str = "local",
    seed: int = 0,
    draws: int = 200,
    progress: Progress = SILENT,
) -> Backtest:
    """Fit models without the last weeks of a store, and score their forecasts of these weeks.

    Parameters
    ----------
    store : path
    weeks : int
        Held out: the weeks before the last hour of any partition.
    model : str
    against : sequence of str
        Models to compare with, with their default parameters: daypart's own, `auto_ets` and
        `mstl` of statsforecast, or `module:name`.
    sample : int, optional
        Score a sample of partitions, chosen by their names, and fit models of others to these
        alone: some take a second a partition.
    parameters : mapping, path or several of them, optional
        Of `model`, as in `fit`.
    calendar : path or rows, optional
        Named events, for every model that takes them; see `fit`.
    out : path, optional
        Keep the runs, `backtest.json` and `backtest.parquet` here; the same call again then
        goes on where it stopped.
    workers, executor, seed
        As in `fit`.
    draws : int
        Sample paths behind CRPS and totals.
    progress : Progress

    Returns
    -------
    Backtest

    Raises
    ------
    DaypartError
        For fewer than one week, no data before it, unknown models, and all that `fit` raises.

    Notes
    -----
    Hours without data are not scored. Totals (by each key column, and of all) add the paths
    of partitions draw by draw, at the value of overlapping key columns that means all.
    Partitions that one of the models did not fit are scored for none of them, and counted.

    CRPS is that of the sample paths; the log score (minus the log probability of the count) and
    the pinball loss (mean of 19 evenly spread quantiles) are those of the forecast's quantiles.
    WAPE takes the forecast mean. Coverage is that of the randomised probability integral
    transform (Czado, Gneiting and Held 2009): a count that an interval ends in is covered by the
    share of it inside, so that a right forecast covers what its level says, however small the
    counts. `inside_80` is the plain share of counts in the interval, borders included, which is
    more where counts are small, whatever the model.

    References
    ----------
    Gneiting and Raftery (2007), Strictly proper scoring rules, prediction, and estimation.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, pyarrow as pa
    >>> from daypart.series.store import SeriesStore
    >>> from daypart.series.block import block_from_arrays
    >>> folder = tempfile.mkdtemp()
    >>> keys = pa.table({"shop": ["a"], "unique_id": ["a"]})
    >>> block = block_from_arrays(keys, ["UTC"], [0], [np.arange(6 * 168) % 24])
    >>> _ = SeriesStore.create(f"{folder}/store", key=["shop"]).replace_regions([("a", block)])
    >>> scores = backtest(f"{folder}/store", weeks=1, model="seasonal_naive", against=[])
    >>> scores.of("partition", "seasonal_naive")["wape"]
    0.0
    """
    from daypart.models.protocol import Window

    models = list(dict.fromkeys([model, *([against] if isinstance(against, str) else against)]))
    if weeks < 1:
        raise DaypartError(f"weeks is {weeks}", hint="give 1 or more")
    if sample is not None and sample < 1:
        raise DaypartError(f"sample is {sample}", hint="give 1 or more")
    check_draws(draws)
    opened = SeriesStore.open(store)
    events = read_calendar(calendar, opened) if calendar is not None else None
    for name in models:
        get_model(name, **(read_parameters(parameters, opened.key)[0] if name == model else {}))
    until = _first_hour_held_out(opened, weeks)
    with ExitStack() as stack:
        folder = (
            make_folder(out)
            if out is not None
            else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="daypart-backtest-")))
        )
        chosen = None
        if sample is not None and sample < opened.partitions:
            chosen = sampled_store(opened, sample, folder / "sample")
        runs = {}
        for name in models:
            runs[name] = folder / file_name_of(name)
            fit(
                chosen.folder if chosen is not None and is_external_model(name) else store,
                run=runs[name],
                model=name,
                parameters=parameters if name == model else None,
                calendar=events if name == model or _takes_calendar(name) else None,
                workers=workers,
                executor=executor,
                seed=seed,
                until_hour=until,
                progress=progress,
            )
        window = Window(until, weeks * HOURS_PER_WEEK)
        names = partition_names(chosen) if chosen is not None else None
        held_out = score_runs(opened, runs, window, draws, seed, workers, progress, only=names)
    return _finish(opened, held_out, models, weeks, until, folder if out is not None else None)


def _first_hour_held_out(store: SeriesStore, weeks: int) -> int:
    """Return the hour from which on no data is shown to the models."""
    blocks = (store.read_region(region) for region in store.regions)
    spans = [
        (int(block.first_hours.min()), int((block.first_hours + np.diff(block.offsets)).max()))
        for block in blocks
        if len(block)
    ]
    begin, end = min((a for a, _ in spans), default=0), max((b for _, b in spans), default=0)
    if begin == end:
        raise DaypartError(f"{store.folder}: holds no hours", hint="ingest or import data first")
    until = end - weeks * HOURS_PER_WEEK
    if until <= begin:
        raise DaypartError(
            f"{store.folder}: there is no data before the {weeks} held-out weeks",
            hint=f"it holds {(end - begin) // HOURS_PER_WEEK} weeks; hold out fewer",
        )
    return until


def _finish(
    store: SeriesStore,
    held_out: HeldOut,
    models: Sequence[str],
    weeks: int,
    until: int,
    out: Location | None,
) -> Backtest:
    sizes = [
        {"size": name, "model": model, **scores.summary()}
        for model in models
        for name, scores in _by_size(held_out, model)
        if len(scores.hours)
    ]
    levels = [
        {"level": level, "model": model, **held_out.levels[model][level].summary()}
        for level in held_out.levels[models[0]]
        for model in models
    ]
    rows = next(iter(held_out.rows.values()))
    published = release_partitions(store, rows).published
    table = held_out.table().filter(np.tile(published, len(held_out.rows)))
    summary = {
        "kind": "daypart-backtest",
        "schema_version": 1,
        "created_by": f"daypart {__version__}",
        "store": str(store.folder),
        "models": list(models),
        "weeks": weeks,
        "first_hour": hour_to_datetime(until).isoformat(),
        "partitions": store.partitions,
        "not_scored": store.partitions - int(held_out.scored.sum()),
        "withheld": int(np.count_nonzero(~published)),
        "levels": levels,
        "sizes": sizes,
    }
    record_release(store, "backtest", table)
    if out is not None:
        write_table(out / "backtest.parquet", table)
        write_json(out / "backtest.json", summary)
    return Backtest(out, summary, table)


def _by_size(held_out: HeldOut, model: str) -> list[tuple[str, Scores]]:
    means = held_out.mean_before[held_out.scored]
    scores = held_out.levels[model]["partition"]
    return [(name, scores.take((low <= means) & (means < high))) for name, low, high in SIZES]


def _takes_calendar(name: str) -> bool:
    """Return whether one of daypart's own models gives named events an effect."""
    return not is_external_model(name) and isinstance(get_model(name), HasCalendar)
