"""Small honest models for testing the engine, and ones that misbehave on request."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

from daypart.series.local_time import local_hours

HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class Window:
    first_hour: int
    hours: int


@dataclass(frozen=True)
class Forecast:
    mean: np.ndarray
    sd: np.ndarray
    quantiles: np.ndarray


def _in_pilot():
    return any("daypart-pilot-" in word for word in sys.argv)


@dataclass
class HourOfWeekPoisson:
    """Poisson counts with a Gamma posterior for each hour of the week.

    It raises on, sleeps at, or kills the process on partitions whose `unique_id` ends so. From
    the network `hold_from` on it waits until the file `hold_until` is there, or until its worker
    is asked to stop: however fast a machine is, the work is not over before a test has seen it.
    A pilot does not wait; it takes `pilot_seconds` a partition, as if fits were long.
    """

    prior_shape: float = 0.5
    prior_hours: float = 0.5
    raise_on: str = "\0"
    kill_on: str = "\0"
    kill_with: int = signal.SIGKILL
    kill_once_in: str = ""
    seconds: float = 0.0
    seconds_per_block: float = 0.0
    hold_from: str = "~"
    hold_until: str = ""
    pilot_seconds: float = 0.0

    name: ClassVar[str] = "hour_of_week_poisson"
    version: ClassVar[str] = "1"

    @property
    def parameters(self):
        return {"prior_shape": self.prior_shape, "prior_hours": self.prior_hours}

    def fit(self, block):
        for unique_id in block.unique_ids:
            if unique_id.endswith(self.raise_on):
                raise ValueError(f"{unique_id} is not to be fitted")
            if unique_id.endswith(self.kill_on) and self._may_kill():
                os.kill(os.getpid(), self.kill_with)
        if any(unique_id.rpartition("/")[2] >= self.hold_from for unique_id in block.unique_ids):
            self._hold()
        long = self.pilot_seconds if _in_pilot() else 0.0
        time.sleep(self.seconds_per_block + (self.seconds + long) * len(block))
        shapes, hours, status, reasons = [], [], [], []
        for i in range(len(block)):
            counts = block.counts_of(i)
            present = counts >= 0
            how = local_hours(int(block.first_hours[i]), len(counts), block.timezones[i])
            cell = how.hour_of_week[present]
            shapes.append(self.prior_shape + np.bincount(cell, counts[present], minlength=168))
            hours.append(self.prior_hours + np.bincount(cell, minlength=168))
            status.append("ok" if present.any() else "skipped")
            reasons.append(None if present.any() else "no hours")
        return pa.table(
            {
                "status": status,
                "reason": pa.array(reasons, pa.string()),
                "shape": pa.array([list(s) for s in shapes], pa.list_(pa.float64(), 168)),
                "rate": pa.array([list(h) for h in hours], pa.list_(pa.float64(), 168)),
            }
        )

    def _hold(self):
        if _in_pilot():
            return
        # A worker that was asked to stop has an alarm set, which ends its grace.
        while not Path(self.hold_until).exists() and not signal.getitimer(signal.ITIMER_REAL)[0]:
            time.sleep(0.005)

    def _may_kill(self):
        if not self.kill_once_in:
            return True
        try:
            Path(self.kill_once_in).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _cells(self, state, window):
        shape = np.array(state.column("shape").to_pylist()).reshape(len(state), 168)
        rate = np.array(state.column("rate").to_pylist()).reshape(len(state), 168)
        cells = np.array(
            [
                local_hours(window.first_hour, window.hours, zone).hour_of_week
                for zone in state.column("timezone").to_pylist()
            ]
        ).reshape(len(state), window.hours)
        rows = np.arange(len(state))[:, None]
        return shape[rows, cells], rate[rows, cells]

    def forecast(self, state, window, probabilities):
        from scipy import stats

        shape, rate = self._cells(state, window)
        posterior = stats.nbinom(shape, rate / (rate + 1))
        quantiles = np.empty((*shape.shape, len(probabilities)))
        for place, probability in enumerate(probabilities):
            count = posterior.ppf(probability)
            beyond = (posterior.cdf(count) - probability) / posterior.pmf(count)
            quantiles[..., place] = np.maximum(count + 0.5 - beyond, 0.0)
        return Forecast(posterior.mean(), posterior.std(), quantiles)

    def sample_paths(self, state, window, draws, seed):
        shape, rate = self._cells(state, window)
        paths = np.empty((len(state), draws, window.hours), np.int32)
        for i, unique_id in enumerate(state.column("unique_id").to_pylist()):
            rng = np.random.default_rng([seed, *unique_id.encode()])
            paths[i] = rng.poisson(rng.gamma(shape[i], 1 / rate[i], (draws, window.hours)))
        return paths


class NothingModel:
    """Fits nothing: what is left is the engine."""

    name = "nothing"
    version = "1"
    parameters: ClassVar[dict] = {}

    def fit(self, block):
        count = len(block)
        return pa.table(
            {
                "status": pa.array(["ok"] * count),
                "reason": pa.nulls(count, pa.string()),
                "level": pa.array(np.zeros(count)),
            }
        )


class BadTableModel:
    """Returns one row less than it was given."""

    name = "bad_table"
    version = "1"
    parameters: ClassVar[dict] = {}

    def fit(self, block):
        return NothingModel().fit(block).slice(1)


class TalkingModel(NothingModel):
    """Prints while it fits."""

    name = "talking"

    def fit(self, block):
        print(f"fitting {len(block)} partitions")
        return super().fit(block)


@dataclass
class FlakyModel(NothingModel):
    """Fails on partitions named n0005 while a file is there."""

    broken: str = ""

    name: ClassVar[str] = "flaky"

    def fit(self, block):
        if Path(self.broken).exists() and any(u.endswith("n0005") for u in block.unique_ids):
            raise OSError("the disk is on fire")
        return super().fit(block)


class LackingModel(NothingModel):
    """Needs a library that is not there."""

    name = "lacking"

    def fit(self, block):
        import no_such_library

        return no_such_library.fit(block)


@dataclass
class ListModel(NothingModel):
    """Takes a list."""

    levels: list

    name: ClassVar[str] = "list"
