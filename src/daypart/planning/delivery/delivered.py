"""A measured delivery: its figures, and the files it is written to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from daypart.planning.delivery.asrun import AS_RUN
from daypart.storage.csv_tables import write_csv
from daypart.storage.files import make_folder, write_json
from daypart.storage.location import PathLike


@dataclass(frozen=True)
class Delivery:
    """What a plan delivered; `delivery.json` holds the same fields.

    Parameters
    ----------
    campaign, segment, currency : str
    first_day, last_day : str
        Of the flight.
    households, universe_estimate : int, float
        In-tab households of the target that were measured, and the universe that they represent.
    window, crediting : str
    rows, used : int
        Rows of the as-run log, and airings measured; the others are in `set_aside` by reason.
    spots, cost, impressions, grp, average_frequency : dict
        `planned`, `delivered`, and `lo_80`, `hi_80` of the plan where it has them, with the
        delivery `index` of impressions.
    reach : dict
        `"1+"` and the plan's other levels: planned, lo_80, hi_80, delivered, se, inside.
    frequency_distribution : list of dict
        exposures, households, percent.
    by_network, by_market, by_week, by_daypart : list of dict
        name, spots_planned, spots_aired, cost_planned, cost; planned (impressions) with lo_80 and
        hi_80, delivered, delivery_index, inside; reach_planned; grp, reach and average_frequency
        as delivered; weeks with cumulative_reach, planned with its interval and delivered.
    under, under_delivered : float, list of str
        The threshold, and the markets below it.
    rows_set_aside : list of dict
        row, reason and the columns as they were.
    notes : list of str
        Names of the log that were read as a name of the store, and unknown ones.
    """

    campaign: str
    simulated: bool
    segment: str
    currency: str
    first_day: str
    last_day: str
    households: int
    universe_estimate: float
    window: str
    crediting: str
    rows: int
    used: int
    set_aside: dict[str, int]
    spots: dict[str, Any]
    cost: dict[str, Any]
    impressions: dict[str, Any]
    grp: dict[str, Any]
    average_frequency: dict[str, Any]
    reach: dict[str, dict[str, Any]]
    frequency_distribution: list[dict[str, Any]]
    by_network: list[dict[str, Any]]
    by_market: list[dict[str, Any]]
    by_week: list[dict[str, Any]]
    by_daypart: list[dict[str, Any]]
    under: float
    under_delivered: list[str]
    definitions: dict[str, str]
    rows_set_aside: list[dict[str, Any]]
    notes: list[str]

    def lines(self) -> list[str]:
        """Return the outcome in a few lines."""
        aside = ", ".join(f"{reason} {count}" for reason, count in self.set_aside.items())
        lines = [
            f"{self.campaign}: {self.used:,} of {self.rows:,} rows measured"
            + (f"; set aside: {aside}" if aside else ""),
            f"{self.spots['delivered']:,} of {self.spots['planned']:,} spots aired",
            *self.notes,
        ]
        index, one = self.impressions["index"], self.reach["1+"]
        if isinstance(index, str) or isinstance(one["delivered"], str):
            return [*lines, f"suppressed: {self.households} households"]
        seen = self.impressions
        lines.append(
            f"{seen['delivered']:,.0f} impressions (households), delivery index {index:.1f}"
        )
        if not isinstance(one["planned"], str):
            lines.append(
                f"reach 1+ {one['delivered']:.1f} %; planned {one['planned']:.1f} % "
                f"({one['lo_80']:.1f} to {one['hi_80']:.1f} %, 80 % interval)"
            )
        names = ", ".join(self.under_delivered)
        lines.append(f"under-delivered (index below {self.under:g}): {names or 'no market'}")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, texts and numbers, ready for JSON."""
        return asdict(self)


def write_delivery(delivery: Delivery, out: PathLike) -> None:
    """Write `delivery.json`, `delivery.csv` and `asrun_set_aside.csv` into a folder.

    Parameters
    ----------
    delivery : Delivery
    out : path-like
        The folder, which is made where it is missing.

    Raises
    ------
    DaypartError
        Where the folder can't be written to.
    """
    folder = make_folder(out)
    groups = ("network", "market", "week", "daypart")
    rows = [{"by": name, **row} for name in groups for row in getattr(delivery, f"by_{name}")]
    names = list(dict.fromkeys(name for row in rows for name in row))
    write_csv(folder / "delivery.csv", rows, names, decimals=6)
    names = ["row", "reason", *AS_RUN.names]
    write_csv(folder / "asrun_set_aside.csv", delivery.rows_set_aside, names, decimals=6)
    write_json(folder / "delivery.json", delivery.to_dict())
