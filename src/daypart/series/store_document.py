"""The shape of `store.json`, which every reader of a store checks first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, Literal

from daypart.errors import DaypartError
from daypart.series.local_time import HOURS_PER_WEEK
from daypart.storage.files import read_json
from daypart.storage.location import Location
from daypart.storage.shapes import FileInside, Natural, Tested, check_shape
from daypart.tables.zones import is_zone

STORE_FILE = "store.json"
STORE_KIND = "daypart-store"

SCHEMA_VERSION = 2

_DAMAGED = "restore the file from a copy, or make the store again"
_MOST_HOURS = 10_000_000  # a thousand years


def _is_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


TimeZone = Annotated[str, Tested(is_zone, "a time zone")]
Day = Annotated[str, Tested(_is_day, "a day such as 2025-01-13")]
Hour = Annotated[int, Tested(lambda hour: abs(hour) <= _MOST_HOURS, "an hour since 1970")]
Hours = Annotated[int, Tested(lambda n: 0 <= n <= _MOST_HOURS, "a number of hours")]


def _is_pair(days: Sequence[Any]) -> bool:
    return len(days) == 2


HourNames = Annotated[
    Sequence[str], Tested(lambda names: len(names) == HOURS_PER_WEEK, "a list of 168 names")
]
Names = Annotated[
    Sequence[str],
    Tested(
        lambda names: len(set(names)) == len(names) > 0, "a list of one or more different names"
    ),
]


@dataclass(frozen=True)
class Region:
    """The file of a region's partitions."""

    file: FileInside
    partitions: Natural
    content_hash: str
    timezone: TimeZone = "UTC"


@dataclass(frozen=True)
class Market:
    """A market of a viewing store."""

    name: str
    timezone: TimeZone
    tv_homes: float | None = None
    first_hour: Hour = 0
    hours: Hours = 0


@dataclass(frozen=True)
class Window:
    """The days and hours of a viewing store."""

    first_day: Day
    last_day: Day
    first_hour: Hour
    last_hour: Hour
    hours: Hours


@dataclass(frozen=True)
class Rows:
    """Rows of events by outcome."""

    read: Natural = 0
    credited: Natural = 0
    below_minimum_tune: Natural = 0
    set_aside: Mapping[str, Natural] = field(default_factory=dict)
    capped: Natural = 0


@dataclass(frozen=True)
class BatchFile:
    """A file of events that was ingested."""

    file: str
    rows: Natural
    batch: Natural
    days: Sequence[Annotated[Sequence[Day | None], Tested(_is_pair, "a first and a last day")]]


@dataclass(frozen=True)
class ViewingFiles:
    """The files of a viewing store beside its series."""

    households: FileInside
    universe: FileInside
    events: Mapping[str, Sequence[FileInside]]
    hut: Mapping[str, FileInside]
    panel: Mapping[str, FileInside]
    quarantine: Sequence[FileInside] = ()


@dataclass(frozen=True)
class DaypartRow:
    """Hours of a daypart."""

    name: str
    days: Sequence[int | str]
    start: str
    end: str


@dataclass(frozen=True)
class Dayparts:
    """A table of dayparts; `daypart_table` checks that it covers the week."""

    name: str
    version: int
    rows: Sequence[DaypartRow]


@dataclass(frozen=True)
class Crediting:
    """Rules of crediting and of disclosure."""

    minimum_tune_seconds: float = 0.0
    multi_set: Literal["once", "split"] = "once"
    idle_cap_minutes: float = 0.0
    out_of_tab_silent_days: Natural | None = None
    quarter_hour: Literal["average_minute", "quarter_hour"] = "average_minute"
    broadcast_day_start_hour: Natural = 0
    minimum_cell_households: Natural = 0
    minimum_contributing_households: Natural = 0
    dominance_percent: float = 0.0


@dataclass(frozen=True)
class Viewing:
    """What `ingest` records."""

    crediting: Crediting
    dayparts: Dayparts
    segments: Mapping[str, Mapping[str, Any]]
    markets: Mapping[str, Market]
    networks: Sequence[str]
    window: Window
    files: ViewingFiles | None = None
    panel_households: Natural = 0
    households_from_events: bool = False
    event_segments: str | None = None
    key_fingerprint: str = ""
    network_markets: Mapping[str, str] = field(default_factory=dict)
    households: Natural = 0
    rows: Rows | None = None
    batches: Mapping[str, BatchFile] = field(default_factory=dict)
    simulated: bool = False


@dataclass(frozen=True)
class StoreDocument:
    """`store.json`."""

    kind: Literal["daypart-store"]
    schema_version: Natural
    key: Names
    regions: Mapping[str, Region]
    overlapping: Mapping[str, str] = field(default_factory=dict)
    measures: Sequence[str] = ()
    hour_groups: Mapping[str, HourNames] = field(default_factory=dict)
    generation: Natural = 0
    viewing: Viewing | None = None


def read_store_document(folder: Location) -> dict[str, Any]:
    """Read the `store.json` of a folder and check it.

    Parameters
    ----------
    folder : Location

    Returns
    -------
    dict
        The content as it is.

    Raises
    ------
    DaypartError
        Where it is missing, or a field is missing or of another type; and for another version.
    """
    file = folder / STORE_FILE
    content = read_json(file)
    version = content.get("schema_version")
    if content.get("kind") != STORE_KIND or not isinstance(version, int):
        raise DaypartError(f"{file}: does not describe a daypart store")
    if version != SCHEMA_VERSION:
        raise DaypartError(
            f"{folder}: store of schema version {version}, this daypart reads {SCHEMA_VERSION}",
            hint="upgrade daypart" if version > SCHEMA_VERSION else "make the store again",
        )
    check_shape(content, StoreDocument, file, hint=_DAMAGED)
    fault = _fault_between_fields(content)
    if fault:
        raise DaypartError(f"{file}: {fault}", hint=_DAMAGED)
    return content


def _fault_between_fields(content: Mapping[str, Any]) -> str | None:
    """Return which field names what another lacks."""
    viewing = content.get("viewing") or {}
    files = viewing.get("files")
    if not files:
        return None
    for kind in ("events", "hut", "panel"):
        for market in sorted(set(files[kind]) - set(viewing["markets"])):
            return f"viewing.files.{kind}.{market} is not one of viewing.markets"
    for region in content["regions"]:
        if not all(region in each for each in (viewing["markets"], files["hut"], files["panel"])):
            return f"regions.{region} lacks its market or its files in viewing"
    hours = content.get("hour_groups", {}).get("daypart", ())
    unknown = set(hours) - {row["name"] for row in viewing["dayparts"]["rows"]}
    if unknown or (content["regions"] and not hours):
        return "hour_groups.daypart is not of the dayparts in viewing.dayparts"
    return None


def read_viewing(folder: Location) -> dict[str, Any]:
    """Read what `store.json` records of viewing.

    Parameters
    ----------
    folder : Location

    Raises
    ------
    DaypartError
        As `read_store_document`, and where the store is not of viewing.
    """
    found: dict[str, Any] = read_store_document(folder).get("viewing") or {}
    if not found.get("files"):
        raise DaypartError(
            f"{folder}: holds no household panel", hint="make the store with `daypart ingest`"
        )
    return found
