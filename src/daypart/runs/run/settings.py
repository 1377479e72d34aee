"""The settings of a run, as its `run.json` holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from daypart.engine.results.folder import RunFolder
from daypart.engine.tasks.limits import NO_LIMITS, ResourceLimits
from daypart.errors import DaypartError
from daypart.runs.run.parameters import Override
from daypart.series.store import SeriesStore
from daypart.storage.location import Location, resolve_location
from daypart.storage.shapes import check_shape, fields_of

KIND = "daypart-run"
"""The `kind` in `run.json`: an entry point of this name does the tasks of a run."""


@dataclass(frozen=True)
class RunSettings:
    """What a run fits.

    Parameters
    ----------
    store : str
        The store's folder, relative to the run's folder, so that both can move together; in full
        where they have no common root.
    model, model_version : str
    code_version : str or None
        Of the source of the user's own models; None where there is none.
    parameters : mapping
        The model's parameters, JSON.
    overrides : tuple of Override
        What some partitions have instead.
    fallback : str or None
        The model that fits what this one fails on.
    limits : ResourceLimits
        Of each partition's fit; they are not part of its identity.
    seed : int
    until_hour : int or None
        Fit only the hours before this one (UTC hours since 1970); None for all.
    key : tuple of str
    overlapping : mapping of str to str
        As in the store.
    hour_groups : mapping of str to sequence of str
        As in the store.
    regions : mapping of str to str
        Content hash of each region when the plan was made.
    parents : str or None
        Content hash of the parents that partitions take their prior from.
    created : str
        ISO 8601, UTC.
    """

    store: str
    model: str
    model_version: str
    parameters: Mapping[str, Any]
    seed: int
    key: tuple[str, ...]
    overlapping: Mapping[str, str]
    code_version: str | None = None
    until_hour: int | None = None
    overrides: tuple[Override, ...] = ()
    fallback: str | None = None
    limits: ResourceLimits = NO_LIMITS
    hour_groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    regions: Mapping[str, str] = field(default_factory=dict)
    parents: str | None = None
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


def read_settings(folder: RunFolder) -> RunSettings:
    """Read the settings of a run.

    Raises
    ------
    DaypartError
        Where `run.json` is missing, damaged, of a newer schema version or of another kind; it
        names the field.
    """
    content = folder.read_description()
    file = folder.path / "run.json"
    if content["kind"] != KIND:
        raise DaypartError(f"{file}: does not describe a daypart run")
    check_shape(content, RunSettings, file)
    overrides = (Override(**fields_of(each, Override)) for each in content.get("overrides", ()))
    own = {
        "key": tuple(content["key"]),
        "overrides": tuple(overrides),
        "limits": ResourceLimits(**fields_of(content.get("limits", {}), ResourceLimits)),
    }
    return RunSettings(**fields_of(content, RunSettings) | own)


def write_settings(folder: RunFolder, settings: RunSettings) -> None:
    """Write `run.json` atomically.

    Parameters
    ----------
    folder : RunFolder
    settings : RunSettings
    """
    folder.write_description(KIND, asdict(settings))


def store_of(folder: RunFolder, settings: RunSettings) -> Location:
    """Return the path of the store that a run was made from.

    Parameters
    ----------
    folder : RunFolder
    settings : RunSettings
        Their `store` may be relative to the folder.
    """
    return resolve_location(settings.store, folder.path)


def check_fitted_to(folder: RunFolder, settings: RunSettings, store: SeriesStore) -> None:
    """Check that a run was fitted to a store, which may have grown since.

    Parameters
    ----------
    folder : RunFolder
    settings : RunSettings
    store : SeriesStore

    Raises
    ------
    DaypartError
        Where the store is neither in the place of the run's store, with the same key and all its
        regions, nor a copy of what was fitted.
    """
    now = {region: about["content_hash"] for region, about in store.regions.items()}
    is_copy = settings.regions.items() <= now.items()
    own = store_of(folder, settings)
    in_place = _resolved(own) == _resolved(store.folder)
    has_all = settings.regions.keys() <= now.keys()
    if settings.key != store.key or not (is_copy or (in_place and has_all)):
        raise DaypartError(
            f"{folder.path}: was not fitted to {store.folder}",
            hint="give the run of this store, or fit one",
        )


def _resolved(place: Location) -> Location:
    return place.resolve() if isinstance(place, Path) else place
