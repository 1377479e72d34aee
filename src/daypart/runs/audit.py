"""Judge a run's posteriors by the No-U-Turn sampler, on a sample of its partitions."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from daypart.engine.results.folder import RunFolder
from daypart.errors import DaypartError
from daypart.models.protocol import ComparesWithSampler
from daypart.progress import SILENT, Progress
from daypart.runs.fitting.parents import model_to_fit
from daypart.runs.forecasts.fitted_run import FittedRun
from daypart.runs.forecasts.table_file import check_table_file, write_tables
from daypart.runs.run.settings import store_of
from daypart.series.store import SeriesStore
from daypart.storage.location import Location, PathLike
from daypart.storage.tables import read_table
from daypart.wording import counted

SIZES = (0.1, 1.0, 10.0)
"""Bounds of the classes of mean count an hour that are sampled alike."""

LIMITS = {True: (0.05, 0.05, 0.2), False: (0.15, 0.1, 0.4)}
"""For a mean of at least 1 an hour, and under it: the largest difference of log mu in posterior
sd, how far its ratio of sds may be from 1, and the difference of a hyperparameter in sd; each
beyond what the sampler itself is sure of."""

MOST_RHAT = 1.05
"""A judge that did not mix better than this does not judge."""


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Parameters
    ----------
    run : Location
    agree, disagree, undecided : int
        Partitions by verdict; undecided where the sampler itself did not mix.
    table : pyarrow.Table
        A row per sampled partition: key, `unique_id`, `mean_count`, the columns of
        `negbin.nuts.compare.compare_partition`, `verdict`, and what is `disagreeing`: `log_mu`,
        `sd`, hyperparameters, joined by commas.
    """

    run: Location
    agree: int
    disagree: int
    undecided: int
    table: pa.Table

    def lines(self) -> list[str]:
        """Return the audit as a few lines of text, the worst partitions first."""
        order = ("disagree", "undecided", "agree")
        rows = sorted(
            self.table.to_pylist(),
            key=lambda row: (order.index(row["verdict"]), -row["difference"]),
        )
        text = [
            f"{row['unique_id']}: {row['verdict']}"
            + (f" ({row['disagreeing']})" if row["disagreeing"] else "")
            + f", log mu off by {row['difference']:.3f} sd (noise {row['difference_noise']:.3f})"
            f", sd x {row['sd_ratio_low']:.2f} to {row['sd_ratio_high']:.2f} (noise "
            f"{row['sd_ratio_noise']:.2f}), R-hat {row['rhat']:.3f}, "
            f"{row['divergences']} divergences"
            for row in rows[:10]
        ]
        number = len(rows)
        return [
            *text,
            f"{counted(number, 'partition')} = {self.agree:,} agree + {self.disagree:,} disagree + "
            f"{self.undecided:,} undecided",
        ]


def audit(
    run: PathLike,
    *,
    sample: int = 200,
    draws: int = 1000,
    seed: int = 0,
    out: PathLike | None = None,
    progress: Progress = SILENT,
) -> Audit:
    """Fit a sample of a run's partitions with NUTS, and compare with the run's own posteriors.

    Parameters
    ----------
    run : path
        A run of `negbin` or `crossed`.
    sample : int
        Partitions, spread evenly over regions and sizes.
    draws : int
        Of each of four chains, after as many to tune.
    seed : int
        Of the sample and of the sampler.
    out : path, optional
        Write the table: Parquet or CSV.
    progress : Progress

    Returns
    -------
    Audit

    Raises
    ------
    DaypartError
        For a run that is not there or of another model, a store that changed since, nothing to
        sample, and where nutpie is not installed.

    Notes
    -----
    The sampler has the same density in other coordinates: each level of effects centred where
    its data are many, and not where they are few (Papaspiliopoulos et al. 2007). A verdict is
    `disagree` where a difference passes `LIMITS` and the sampler's own noise, `undecided` where
    R-hat passes `MOST_RHAT` or more than 1 % of the draws diverged.
    """
    file = check_table_file(out) if out is not None else None
    if sample < 1 or draws < 100:
        raise DaypartError(
            f"sample is {sample}, draws is {draws}", hint="give 1 or more, and 100 or more"
        )
    folder = RunFolder.open(run)
    fitted = FittedRun.open(run)
    if not isinstance(fitted.model.shared, ComparesWithSampler):
        raise DaypartError(
            f"{folder.path}: model {fitted.settings.model} has no posterior of log mu",
            hint="audit a run of negbin or crossed",
        )
    if importlib.util.find_spec("nutpie") is None:
        raise DaypartError("an audit needs nutpie", hint="pip install 'daypart[nuts]'")
    chosen = _sample_of(fitted, sample, seed)
    work = _Work(folder, fitted, draws, seed)
    rows = []
    with progress.step("sampling posteriors", total=len(chosen), unit="partitions") as step:
        for place, mean_count in chosen:
            found = work.judge(place, mean_count)
            if found is not None:
                rows.append(found)
            step.advance(1, int(found is not None and found["verdict"] == "disagree"))
    if not rows:
        raise DaypartError(f"{folder.path}: holds no posterior to audit")
    table = pa.Table.from_pylist(rows)
    if file is not None:
        write_tables(file, table.schema, [table])
    verdicts = table.column("verdict").to_pylist()
    agree, disagree, undecided = (verdicts.count(n) for n in ("agree", "disagree", "undecided"))
    return Audit(folder.path, agree, disagree, undecided, table)


def _sample_of(fitted: FittedRun, sample: int, seed: int) -> list[tuple[int, float]]:
    """Choose partitions evenly from regions and sizes, in the order of their names."""
    results, ok = fitted.results, fitted.ok()
    part = results.rows.column("part").take(ok).to_numpy()
    part_row = results.rows.column("part_row").take(ok).to_numpy()
    mean = np.full(len(ok), np.nan)
    for number in np.unique(part):
        own = np.flatnonzero(part == number)
        table = read_table(results.parts[int(number)], ["mean_count"])
        values = table.column("mean_count").to_numpy(zero_copy_only=False)
        mean[own] = values[part_row[own]]
    region = np.array(results.rows.column("region").take(ok).to_pylist(), dtype=object)
    strata: dict[tuple[int, str], list[int]] = {}
    for place in np.random.default_rng(seed).permutation(len(ok)):
        if np.isfinite(mean[place]):
            size = int(np.digitize(mean[place], SIZES))
            strata.setdefault((size, region[place]), []).append(int(place))
    chosen: list[int] = []
    queues = [strata[stratum] for stratum in sorted(strata)]
    while len(chosen) < sample and any(queues):
        chosen += [queue.pop() for queue in queues if queue][: sample - len(chosen)]
    return [(int(ok[place]), float(mean[place])) for place in sorted(chosen)]


class _Work:
    """What one partition's audit needs."""

    def __init__(self, folder: RunFolder, fitted: FittedRun, draws: int, seed: int) -> None:
        self.settings = fitted.settings
        self.rows = fitted.results.rows
        self.model = model_to_fit(folder, self.settings)
        self.store = SeriesStore.open(store_of(folder, self.settings))
        self.draws, self.seed = draws, seed
        for region, planned in self.settings.regions.items():
            if self.store.regions.get(region, {}).get("content_hash") != planned:
                raise DaypartError(
                    f"{self.store.folder}: region {region!r} changed since the run was fitted",
                    hint="run the same daypart fit again, then this",
                )

    def judge(self, place: int, mean_count: float) -> dict[str, Any] | None:
        """Return the row of one partition."""
        row = self.rows.slice(place, 1).to_pylist()[0]
        block = self.store.read_region(row["region"], [row["row"]])
        if self.settings.until_hour is not None:
            block = block.before(self.settings.until_hour)
        model = self.model.of(row)
        assert isinstance(model, ComparesWithSampler)
        found = model.compare_with_sampler(block, draws=self.draws, seed=self.seed)
        if found is None:
            return None
        key = {name: row[name] for name in (*self.settings.key, "unique_id")}
        beyond = _disagreeing(found, model.hyperparameters, mean_count)
        verdict = "disagree" if beyond else "agree"
        if found["rhat"] > MOST_RHAT or found["divergences"] > 0.01 * 4 * self.draws:
            verdict, beyond = "undecided", []
        reported = {"verdict": verdict, "disagreeing": ",".join(beyond)}
        return {**key, "mean_count": mean_count, **found, **reported}


def _disagreeing(found: Mapping[str, Any], names: Sequence[str], mean_count: float) -> list[str]:
    """Return what is further from the sampler's than the limits and its own noise allow."""
    away, ratio, hyper = LIMITS[mean_count >= 1.0]
    ratio += found["sd_ratio_noise"]
    beyond = [name for name in names if found[f"{name}_difference"] > hyper + found["hyper_noise"]]
    if not 1.0 - ratio <= found["sd_ratio_low"] <= found["sd_ratio_high"] <= 1.0 + ratio:
        beyond.insert(0, "sd")
    if found["difference"] > away + found["difference_noise"]:
        beyond.insert(0, "log_mu")
    return beyond
