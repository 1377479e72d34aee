"""The identity of one fit: a hash of the partition's data and of the model fitted to it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daypart.runs.folder import RunSettings
from daypart.series import SeriesBlock


def fit_hashes(block: SeriesBlock, settings: RunSettings) -> list[str]:
    """Return a hash per partition of all that its result follows from.

    That is the model with its version and parameters, the seed, the hours that are held back,
    and the partition's key, time zone, first hour, counts, exposure and measures. Two fits with
    one hash have one result.

    Parameters
    ----------
    block : SeriesBlock
        As it lies in the store, with the hours that are held back.
    settings : RunSettings

    Returns
    -------
    list of str
        32 hex digits each, in the block's order.
    """
    model = [settings.model, settings.model_version, settings.parameters, settings.seed]
    stem = hashlib.blake2b(digest_size=16)
    stem.update(json.dumps([*model, settings.until_hour], sort_keys=True).encode())
    stem.update(json.dumps([block.keys.column_names, sorted(block.measures)]).encode())
    columns = [block.keys.column(name).to_pylist() for name in block.keys.column_names]
    arrays = [block.counts, *(block.measures[name] for name in sorted(block.measures))]
    hourly = [_bytes(array) for array in arrays]
    exposures = _bytes(block.exposures)
    offsets = (block.offsets * 4).tolist()
    exposure_offsets = (block.exposure_offsets * 4).tolist()
    hashes = []
    for i, (first_hour, timezone) in enumerate(
        zip(block.first_hours.tolist(), block.timezones, strict=True)
    ):
        digest = stem.copy()
        hours = offsets[i + 1] - offsets[i]
        name = [*(column[i] for column in columns), timezone, str(first_hour), str(hours)]
        digest.update("\0".join(name).encode())
        for values in hourly:
            digest.update(values[offsets[i] : offsets[i + 1]])
        digest.update(exposures[exposure_offsets[i] : exposure_offsets[i + 1]])
        hashes.append(digest.hexdigest())
    return hashes


def _bytes(array: NDArray[Any]) -> memoryview:
    """Return an array's bytes without copying them (memoryview itself can't cast none)."""
    return memoryview(np.ascontiguousarray(array).view(np.uint8))  # type: ignore[arg-type]
