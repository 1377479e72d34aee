"""A model that hangs, eats memory, returns NaN or raises on partitions named so."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from daypart.models.protocol import Forecast


@dataclass
class Misbehaving:
    """Forecasts 1 for every hour."""

    sleep_on: str = "\0"
    stuck_on: str = "\0"
    eat_on: str = "\0"
    eat_seconds: float = 0.0
    nan_on: str = "\0"
    raise_on: str = "\0"
    seconds: float = 600.0

    name: ClassVar[str] = "misbehaving"
    version: ClassVar[str] = "1"
    parameters: ClassVar[dict[str, Any]] = {}

    def fit(self, block):
        level = np.ones((len(block), 3))
        for i, unique_id in enumerate(block.unique_ids):
            if unique_id.endswith(self.raise_on):
                raise ValueError("not this one")
            if unique_id.endswith(self.sleep_on):
                time.sleep(self.seconds)
            if unique_id.endswith(self.stuck_on):
                re.match(r"(a+)+$", "a" * 60 + "b")  # backtracks for years, deaf to signals
            if unique_id.endswith(self.eat_on):
                eaten = np.ones(200_000_000)
                time.sleep(self.eat_seconds)
                del eaten
            if unique_id.endswith(self.nan_on):
                level[i, 1] = np.nan
        return pa.table(
            {
                "status": pa.array(["ok"] * len(block)),
                "reason": pa.nulls(len(block), pa.string()),
                "profile": pa.array(level.tolist(), pa.list_(pa.float64())),
            }
        )

    def forecast(self, state, window, probabilities):
        shape = (state.num_rows, window.hours)
        return Forecast(np.ones(shape), np.ones(shape), np.ones((*shape, len(probabilities))))


class Raising(Misbehaving):
    """Raises always."""

    def fit(self, block):
        raise ValueError("never")


def take_time(partition, params):
    """Take `seconds` for each partition, as a user's function may."""
    time.sleep(params["seconds"])
    return {"mean_count": float(partition.counts.mean())}


def take_a_moment(partition, params):
    """Take a tenth of a second, as a fallback that takes no parameters."""
    return take_time(partition, {"seconds": 0.1})
