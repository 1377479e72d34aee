"""The settings of a viewing store, which every ingest into it must share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daypart.errors import DaypartError
from daypart.series.store import SeriesStore
from daypart.storage.location import PathLike, location
from daypart.viewing.crediting import CreditingRules
from daypart.viewing.dayparts import DaypartTable

KEY_COLUMNS = ("market", "network", "segment")
MEASURE = "minutes"


@dataclass(frozen=True)
class Settings:
    """The settings that every ingest into one store must share.

    Parameters
    ----------
    rules : CreditingRules
    dayparts : DaypartTable
    segments : mapping
        Name to predicate; `all` alone if segments come with the events.
    panel_households : int
        The largest number of panel households of a market.
    households_from_events : bool
        Whether every id in the events is a household.
    event_segments : str or None
        The column of the events that is the segment.
    key_fingerprint : str
    """

    rules: CreditingRules
    dayparts: DaypartTable
    segments: Mapping[str, Mapping[str, Any]]
    panel_households: int
    households_from_events: bool
    event_segments: str | None
    key_fingerprint: str

    def as_json(self) -> dict[str, Any]:
        """Return the settings as `store.json` holds them."""
        return {
            "crediting": self.rules.as_json(),
            "dayparts": self.dayparts.as_json(),
            "segments": {name: dict(predicate) for name, predicate in self.segments.items()},
            "panel_households": self.panel_households,
            "households_from_events": self.households_from_events,
            "event_segments": self.event_segments,
            "key_fingerprint": self.key_fingerprint,
        }


_REMEDIES = {
    "key_fingerprint": "give the key of the earlier ingest (--key-file)",
    "crediting": "give the same rules, or make a new store",
    "dayparts": "give the same table, or make a new store",
    "segments": "give the same segments, or make a new store",
}
_NAMES = {"key_fingerprint": "the household key"}


def check_agreement(settings: Settings, store: SeriesStore) -> None:
    """Raise unless settings are those of a store.

    Parameters
    ----------
    settings : Settings
    store : SeriesStore

    Raises
    ------
    DaypartError
        With the first setting that differs.
    """
    viewing = store.extra["viewing"]
    for name, value in settings.as_json().items():
        if name == "segments" and settings.event_segments is not None:
            continue
        if viewing.get(name) != value:
            raise DaypartError(
                f"{store.folder}: {_NAMES.get(name, name)} differs from the store's",
                hint=_REMEDIES.get(name, "give the same, or make a new store"),
            )


def open_previous(folder: PathLike) -> SeriesStore | None:
    """Open the viewing store in a folder; return None if the folder holds no store.

    Raises
    ------
    DaypartError
        When the folder holds another kind of store, or one of a newer version.
    """
    path = location(folder)
    if not (path / "store.json").exists():
        return None
    store = SeriesStore.open(path)
    if store.key != KEY_COLUMNS or "viewing" not in store.extra:
        raise DaypartError(
            f"{path}: holds a store of {','.join(store.key)}, not of viewing",
            hint="choose a new folder",
        )
    return store
