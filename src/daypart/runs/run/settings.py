"""What a call of `fit` asks for, and whether a run's folder holds just that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from daypart.engine.results.folder import RunFolder, RunSettings
from daypart.engine.tasks.limits import NO_LIMITS, Limits
from daypart.errors import DaypartError, did_you_mean
from daypart.models.parameters import ADAPTED
from daypart.models.protocol import TakesAnyParameter, check_can_fit
from daypart.models.registry import get_model
from daypart.runs.fitting.parents import parents_hash
from daypart.runs.run.calendar import Calendar, read_calendar
from daypart.runs.run.parameters import GivenParameters, Override, check_overrides, read_parameters
from daypart.series.store import SeriesStore

if TYPE_CHECKING:
    from daypart.models.protocol import Model

_REST = ("fallback", "seed", "until_hour", "key")


def settings_of_call(
    folder: RunFolder,
    store: SeriesStore,
    *,
    model: str,
    parameters: GivenParameters | None = None,
    calendar: Calendar | None = None,
    fallback: str | None = None,
    limits: Limits = NO_LIMITS,
    seed: int = 0,
    until_hour: int | None = None,
) -> RunSettings:
    """Return the settings of this call; a run that was begun keeps its time of creation.

    Raises
    ------
    DaypartError
        For a model, a fallback, parameters or a calendar at fault.
    """
    shared, overrides = read_parameters(parameters, store.key)
    given = _as_json(shared)
    if calendar is not None:
        given["calendar"] = read_calendar(calendar, store)
    made = get_model(model, **given)
    check_can_fit(made)
    version = str(made.version)
    check_overrides(overrides, store)
    for override in overrides:
        _check_override(model, made, given, override)
    if fallback is not None:
        get_model(fallback)
    settings = RunSettings(
        store=folder.relative_store(store.folder),
        model=model,
        model_version=version,
        parameters=given,
        overrides=tuple(replace(o, parameters=_as_json(o.parameters)) for o in overrides),
        fallback=fallback,
        limits=limits,
        seed=seed,
        key=store.key,
        overlapping=dict(store.overlapping),
        hour_groups=dict(store.hour_groups),
        until_hour=until_hour,
        regions={name: region["content_hash"] for name, region in store.regions.items()},
    )
    settings = replace(settings, parents=parents_hash(settings))
    if folder.holds_run():
        return replace(settings, created=folder.read_settings().created)
    return settings


def _check_override(name: str, model: Model, shared: Mapping[str, Any], override: Override) -> None:
    """Refuse parameters that the model does not take, and name their table."""
    if isinstance(model, TakesAnyParameter) and model.takes_any_parameter:
        known = [*shared, *ADAPTED]
        for parameter in override.parameters:
            if parameter not in known:
                raise DaypartError(
                    f"{override.place()}: {parameter!r} is no parameter that all partitions have",
                    hint=did_you_mean(parameter, known),
                )
    try:
        check_can_fit(get_model(name, **{**shared, **override.parameters}))
    except DaypartError as error:
        raise DaypartError(f"{override.place()}: {error.message}", hint=error.hint) from None


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
    for name in ("store", "model", "model_version", "parameters", "overrides", *_REST):
        before, now = getattr(there, name), getattr(wanted, name)
        if before != now:
            raise DaypartError(
                f"{folder.path}: holds a run with {_difference(name, before, now)}",
                hint="name a new folder for the run",
            )


def _difference(name: str, before: Any, now: Any) -> str:
    """Say in few words what differs.

    Examples
    --------
    >>> _difference("seed", 1, None)
    'seed 1, not (none)'
    """
    if name == "parameters":
        differing = [each for each in {**before, **now} if before.get(each) != now.get(each)]
        before, now = ({n: side[n] for n in differing if n in side} for side in (before, now))
        if "calendar" in differing:
            return "another calendar"
    elif name == "overrides":
        return "other parameters by partition"
    return f"{name.replace('_', ' ')} {_shown(before)}, not {_shown(now)}"


def _shown(value: object) -> str:
    return "(none)" if value is None else str(value)
