"""Fit without some hours, and score the forecasts of them against simple ones."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from daypart._version import __version__
from daypart.disclosure.partitions import record_release, release_partitions, withheld_lines
from daypart.errors import DaypartError
from daypart.models.protocol import HasCalendar, Window
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
from daypart.series.local_time import HOURS_PER_WEEK, datetime_to_hour, hour_to_datetime
from daypart.series.store import SeriesStore
from daypart.storage.files import make_folder, write_json
from daypart.storage.location import Location, PathLike, file_name_of
from daypart.storage.tables import write_table
from daypart.wording import counted, span_of

SIZES = (
    ("below 0.1", 0.0, 0.1),
    ("0.1 to 1", 0.1, 1.0),
    ("1 to 10", 1.0, 10.0),
    ("10 and more", 10.0, np.inf),
)
"""Classes of a partition's mean count per hour before the held-out hours."""
_REASONS = 5
"""Reasons for no score, and horizons, that are printed; the results hold all."""


@dataclass(frozen=True)
class Backtest:
    """How well held-out weeks were forecast.

    Parameters
    ----------
    out : Location or None
        The folder with `backtest.json`, `backtest.parquet` and the runs; None if not kept.
    summary : mapping
        What `backtest.json` holds: `models`, `held_out_hours`, `origins` (the first held-out hour
        of each), `first_hour` (the last of these), `partitions`, `not_scored` and `unscored` (over
        all origins, and by reason), `levels`, `horizons` and `sizes`; these are lists of one
        mapping per level (level and part of the window, or class of size) and model, with
        `series`, `hours`, `mean_per_hour`, `crps`, `log_score`, `pinball`, `wape`, `coverage_50`,
        `coverage_80`, `coverage_95`, `inside_50` ... and these `_over_one`: see
        `scoring.Scores.summary`.
    partitions : pyarrow.Table
        What `backtest.parquet` holds: a row per origin, model and partition.
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
        origins = self.summary["origins"]
        begins = f"{len(origins)} origins, the first " if len(origins) > 1 else ""
        text = [
            f"{span_of(self.summary['held_out_hours'])} held out from {begins}{origins[0]}, "
            f"{counted(self.summary['partitions'], 'partition')}, "
            f"{self.summary['not_scored']:,} not scored",
            *(f"{row['partitions']:,} not scored: {row['reason']}" for row in self._unscored()),
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
        text.extend(self._horizon_lines())
        return text

    def _unscored(self) -> list[Mapping[str, Any]]:
        """Return the most frequent reasons for no score."""
        return list(self.summary["unscored"][:_REASONS])

    def _horizon_lines(self) -> list[str]:
        """Return the CRPS of partitions by part of the window, a line for each model."""
        rows = [
            row for row in self.summary["horizons"] if row["level"] == "partition" and row["hours"]
        ]
        names = list(dict.fromkeys(row["horizon"] for row in rows))
        if len(names) < 2:
            return []
        text = []
        for model in self.summary["models"]:
            own = [row for row in rows if row["model"] == model]
            scores = "  ".join(f"{row['horizon']}: {row['crps']:.3f}" for row in own[:_REASONS])
            text.append(f"  by horizon {model:<16} CRPS {scores}")
        return text


def backtest(
    store: PathLike,
    *,
    weeks: int = 2,
    test_days: int | None = None,
    start: date | datetime | str | None = None,
    origins: int = 1,
    step_days: int = 7,
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
    test_days : int, optional
        Held out instead of weeks.
    start : date, datetime or str, optional
        First held-out hour (UTC) of the last origin, in place of the end of the data.
    origins : int
        Each holds out a window of this length, and models see what is before it.
    step_days : int
        Between origins.
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
        For fewer than one week, day or origin, no data before it, unknown models, and all that
        `fit` raises.

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
    models = list(dict.fromkeys([model, *([against] if isinstance(against, str) else against)]))
    _check_positive(
        weeks=weeks, test_days=test_days, origins=origins, step_days=step_days, sample=sample
    )
    check_draws(draws)
    opened = SeriesStore.open(store)
    events = read_calendar(calendar, opened) if calendar is not None else None
    for name in models:
        get_model(name, **(read_parameters(parameters, opened.key)[0] if name == model else {}))
    hours = 24 * test_days if test_days is not None else weeks * HOURS_PER_WEEK
    last = _first_hour_held_out(opened, hours, start, 24 * step_days * (origins - 1))
    begins = [last - 24 * step_days * back for back in range(origins - 1, -1, -1)]
    with ExitStack() as stack:
        folder = (
            make_folder(out)
            if out is not None
            else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="daypart-backtest-")))
        )
        chosen = None
        if sample is not None and sample < opened.partitions:
            chosen = sampled_store(opened, sample, folder / "sample")
        names = partition_names(chosen) if chosen is not None else None
        found = []
        for until in begins:
            own = folder if until == last else folder / "origins" / _file_stamp(until)
            runs = {}
            for name in models:
                runs[name] = own / file_name_of(name)
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
            window = Window(until, hours)
            found.append(
                score_runs(opened, runs, window, draws, seed, workers, progress, only=names)
            )
    return _finish(opened, found, models, hours, begins, folder if out is not None else None)


def _check_positive(**numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise DaypartError(f"{name} is {number}", hint="give 1 or more")


def _file_stamp(hour: int) -> str:
    return hour_to_datetime(hour).strftime("%Y-%m-%dT%H")


def _first_hour_held_out(
    store: SeriesStore, hours: int, start: date | datetime | str | None, earlier: int
) -> int:
    """Return the hour from which on no data is shown to the models, at the last origin.

    `earlier` is by how many hours the first origin is before.
    """
    blocks = (store.read_region(region) for region in store.regions)
    spans = [
        (int(block.first_hours.min()), int((block.first_hours + np.diff(block.offsets)).max()))
        for block in blocks
        if len(block)
    ]
    begin, end = min((a for a, _ in spans), default=0), max((b for _, b in spans), default=0)
    if begin == end:
        raise DaypartError(f"{store.folder}: holds no hours", hint="ingest or import data first")
    until = end - hours if start is None else _hour_of(start)
    if until >= end:
        raise DaypartError(
            f"{store.folder}: has no data from {hour_to_datetime(until).isoformat()} on",
            hint=f"its data end at {hour_to_datetime(end).isoformat()}",
        )
    if until - earlier <= begin:
        raise DaypartError(
            f"{store.folder}: there is no data before the {span_of(hours)} held out"
            + (" at the first origin" if earlier else ""),
            hint=f"it holds {(end - begin) // HOURS_PER_WEEK} weeks; hold out fewer",
        )
    return until


def _hour_of(start: date | datetime | str) -> int:
    if isinstance(start, str):
        try:
            start = datetime.fromisoformat(start)
        except ValueError:
            raise DaypartError(
                f"start is {start!r}", hint="write a day, 2025-03-09, or an hour, 2025-03-09T06:00"
            ) from None
    if not isinstance(start, datetime):
        start = datetime(start.year, start.month, start.day)
    return datetime_to_hour(start if start.tzinfo is not None else start.replace(tzinfo=UTC))


def _finish(
    store: SeriesStore,
    found: Sequence[HeldOut],
    models: Sequence[str],
    hours: int,
    begins: Sequence[int],
    out: Location | None,
) -> Backtest:
    sizes = [
        {"size": name, "model": model, **scores.summary()}
        for model in models
        for name, scores in _by_size(found, model)
        if len(scores.hours)
    ]
    joined = {
        (level, model): _over_origins(found, model, level)
        for level in found[0].horizons[models[0]]
        for model in models
    }
    levels = [
        {"level": level, "model": model, **Scores.total(parts).summary()}
        for (level, model), parts in joined.items()
    ]
    unit = "week" if hours >= 2 * HOURS_PER_WEEK else "day"
    horizons = [
        {"level": level, "model": model, "horizon": f"{unit} {number}", **part.summary()}
        for (level, model), parts in joined.items()
        for number, part in enumerate(parts, 1)
    ]
    table, withheld = _released(store, found, begins)
    unscored = sum((one.unscored() for one in found), Counter())
    summary = {
        "kind": "daypart-backtest",
        "schema_version": 2,
        "created_by": f"daypart {__version__}",
        "store": str(store.folder),
        "models": list(models),
        "held_out_hours": hours,
        "origins": [hour_to_datetime(begin).isoformat() for begin in begins],
        "first_hour": hour_to_datetime(begins[-1]).isoformat(),
        "partitions": store.partitions,
        "not_scored": unscored.total(),
        "unscored": [{"reason": why, "partitions": n} for why, n in unscored.most_common()],
        "withheld": withheld,
        "levels": levels,
        "horizons": horizons,
        "sizes": sizes,
    }
    record_release(store, "backtest", table)
    if out is not None:
        write_table(out / "backtest.parquet", table)
        write_json(out / "backtest.json", summary)
    return Backtest(out, summary, table)


def _over_origins(found: Sequence[HeldOut], model: str, level: str) -> list[Scores]:
    """Return a level's scores by horizon; a series of each origin is one by itself."""
    every = [one.horizons[model][level] for one in found]
    return [Scores.join(parts) for parts in zip(*every, strict=True)]


def _released(
    store: SeriesStore, found: Sequence[HeldOut], begins: Sequence[int]
) -> tuple[pa.Table, int]:
    """Return the rows that may leave the store, and how many partitions it withholds."""
    tables = []
    for one, begin in zip(found, begins, strict=True):
        rows = next(iter(one.rows.values()))
        published = release_partitions(store, rows).published
        table = one.table().filter(np.tile(published, len(one.rows)))
        origin = pa.array([hour_to_datetime(begin)] * len(table), pa.timestamp("us", "UTC"))
        tables.append(table.add_column(table.column_names.index("model"), "origin", origin))
    return pa.concat_tables(tables), int(np.count_nonzero(~published))


def _by_size(found: Sequence[HeldOut], model: str) -> list[tuple[str, Scores]]:
    means = np.concatenate([one.mean_before[one.scored] for one in found])
    scores = Scores.join([one.of_level(model, "partition") for one in found])
    return [(name, scores.take((low <= means) & (means < high))) for name, low, high in SIZES]


def _takes_calendar(name: str) -> bool:
    """Return whether one of daypart's own models gives named events an effect."""
    return not is_external_model(name) and isinstance(get_model(name), HasCalendar)
