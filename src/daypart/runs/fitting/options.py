"""The options of a fit: what a call gives, checked, and whether a run's folder holds just that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from daypart.engine.results.folder import RunFolder
from daypart.engine.tasks.limits import ResourceLimits
from daypart.errors import DaypartError, did_you_mean
from daypart.models.code_version import code_version
from daypart.models.parameters import ADAPTED
from daypart.models.protocol import Model, TakesAnyParameter, check_can_fit
from daypart.models.registry import get_model, is_external_model
from daypart.runs.fitting.parents import parents_hash
from daypart.runs.run.calendar import Calendar, read_calendar
from daypart.runs.run.parameters import GivenParameters, Override, check_overrides, read_parameters
from daypart.runs.run.settings import RunSettings, read_settings
from daypart.series.store import SeriesStore
from daypart.storage.location import relative_location

_IDENTITY = (
    *("store", "model", "model_version", "code_version", "parameters", "overrides"),
    *("fallback", "seed", "until_hour", "key"),
)
"""The settings that one run has from its first call to its last."""


@dataclass(frozen=True)
class FitOptions:
    """What a call says of the model and of its fits; see `daypart.fit`.

    Parameters
    ----------
    model : str
    parameters : mapping, path or several of them, optional
    calendar : path or rows, optional
    fallback : str, optional
    timeout : float, optional
        Seconds that one partition's fit may take.
    memory : int or str, optional
        Bytes, or a size such as `2GB`, that the fits of a process may take beyond its start.
    seed : int
    until_hour : int, optional
        Fit only the hours before this one (UTC hours since 1970).
    code_version : str, optional
        In place of a hash of the source of the user's own models.
    """

    model: str = "negbin"
    parameters: GivenParameters | None = None
    calendar: Calendar | None = None
    fallback: str | None = None
    timeout: float | None = None
    memory: int | str | None = None
    seed: int = 0
    until_hour: int | None = None
    code_version: str | None = None


def check_options(folder: RunFolder, store: SeriesStore, options: FitOptions) -> RunSettings:
    """Check the options of a call, and return them as the settings of a run.

    Parameters
    ----------
    folder : RunFolder
        Of a new run, or of one that keeps its time of creation.
    store : SeriesStore
    options : FitOptions

    Returns
    -------
    RunSettings

    Raises
    ------
    DaypartError
        For a model, a fallback, parameters, limits or a calendar at fault.
    """
    limits = ResourceLimits.of(options.timeout, options.memory)
    shared, overrides = read_parameters(options.parameters, store.key)
    given = _as_json(shared)
    if options.calendar is not None:
        given["calendar"] = read_calendar(options.calendar, store)
    made = get_model(options.model, **given)
    check_can_fit(made)
    check_overrides(overrides, store)
    for override in overrides:
        _check_override(options.model, made, given, override)
    if options.fallback is not None:
        get_model(options.fallback)
    settings = RunSettings(
        store=relative_location(store.folder, folder.path),
        model=options.model,
        model_version=str(made.version),
        code_version=options.code_version or code_version(_external_models(options)),
        parameters=given,
        overrides=tuple(replace(o, parameters=_as_json(o.parameters)) for o in overrides),
        fallback=options.fallback,
        limits=limits,
        seed=options.seed,
        key=store.key,
        overlapping=dict(store.overlapping),
        hour_groups=dict(store.hour_groups),
        until_hour=options.until_hour,
        regions={name: region["content_hash"] for name, region in store.regions.items()},
    )
    settings = replace(settings, parents=parents_hash(settings))
    if folder.holds_run():
        return replace(settings, created=read_settings(folder).created)
    return settings


def _external_models(options: FitOptions) -> list[str]:
    names = (options.model, options.fallback)
    return [name for name in names if name is not None and is_external_model(name)]


def _check_override(name: str, model: Model, shared: Mapping[str, Any], override: Override) -> None:
    """Refuse parameters that the model does not take, and name their table."""
    if isinstance(model, TakesAnyParameter) and model.takes_any_parameter:
        known = [*shared, *ADAPTED]
        for parameter in override.parameters:
            if parameter not in known:
                raise DaypartError(
                    f"{override.place()}: {parameter!r} is not a parameter that all partitions "
                    "have",
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
    """Refuse a folder that holds another run, and say what differs.

    Parameters
    ----------
    folder : RunFolder
    wanted : RunSettings
    """
    if not folder.holds_run():
        return
    there = read_settings(folder)
    for name in _IDENTITY:
        before, now = getattr(there, name), getattr(wanted, name)
        if before != now:
            same = f", or give --code-version {before} where it fits as before"
            raise DaypartError(
                f"{folder.path}: holds a run with {_difference(name, before, now)}",
                hint="name a new folder for the run" + (same if name == "code_version" else ""),
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
