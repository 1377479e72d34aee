"""What a call of `fit` asks for, and whether a run's folder holds just that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from daypart.errors import DaypartError
from daypart.runs.calendar_file import Calendar, read_calendar
from daypart.runs.folder import RunFolder, RunSettings
from daypart.runs.registry import load_model
from daypart.series import SeriesStore


def settings_of_call(
    folder: RunFolder,
    store: SeriesStore,
    model: str,
    parameters: Mapping[str, Any],
    calendar: Calendar | None,
    seed: int,
    until_hour: int | None,
) -> RunSettings:
    """Return the settings of this call; a run that was begun keeps its time of creation."""
    given = _as_json(parameters)
    if calendar is not None:
        given["calendar"] = read_calendar(calendar, store)
    settings = RunSettings(
        store=folder.relative_store(store.folder),
        model=model,
        model_version=str(load_model(model, given).version),
        parameters=given,
        seed=seed,
        key=store.key,
        overlapping=dict(store.overlapping),
        hour_groups=dict(store.hour_groups),
        until_hour=until_hour,
        regions={name: region["content_hash"] for name, region in store.regions.items()},
    )
    if folder.holds_run():
        return replace(settings, created=folder.read_settings().created)
    return settings


def _as_json(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as `run.json` will hold them."""
    try:
        content: dict[str, Any] = json.loads(json.dumps(parameters, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise DaypartError(f"parameters can't be written as JSON ({error})") from None
    return content


def check_same_run(folder: RunFolder, wanted: RunSettings) -> None:
    """Refuse a folder that holds another run, and say what differs."""
    if not folder.holds_run():
        return
    there = folder.read_settings()
    for name in ("store", "model", "model_version", "parameters", "seed", "until_hour", "key"):
        before, now = getattr(there, name), getattr(wanted, name)
        if before != now:
            if name == "parameters" and before.get("calendar") != now.get("calendar"):
                raise DaypartError(
                    f"{folder.path}: holds a run with another calendar",
                    hint="name a new folder for the run",
                )
            raise DaypartError(
                f"{folder.path}: holds a run with {name.replace('_', ' ')} {_shown(before)}, "
                f"not {_shown(now)}",
                hint="name a new folder for the run",
            )


def _shown(value: object) -> str:
    return "(none)" if value is None else str(value)
