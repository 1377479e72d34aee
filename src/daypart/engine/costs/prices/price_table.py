"""The table of prices: one file in the user's configuration folder, or the one that is packaged."""

from __future__ import annotations

import importlib.resources
import json
import math
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from daypart.errors import DaypartError, did_you_mean
from daypart.storage.files import make_folder, read_json, write_json

SCHEMA_VERSION = 1
STALE_DAYS = 60
ARCHITECTURES = ("x86_64", "arm64")
CONTAINER_SHARE = 0.93
"""Of a host's memory that containers can have; the system and the agent need the rest."""
_KIND = "daypart-prices"
_PACKAGED = "list_prices.json"


@dataclass(frozen=True)
class InstancePrice:
    """One instance type in one region.

    Parameters
    ----------
    instance_type : str
        Such as `c7g.4xlarge`; the family is before the point.
    vcpus : int
    memory_gib : float
    architecture : str
        `x86_64` or `arm64`.
    on_demand : float
        Dollars an hour, Linux, shared tenancy.
    spot : float or None
        Dollars an hour, the median over availability zones; None where it was never fetched.
    """

    instance_type: str
    vcpus: int
    memory_gib: float
    architecture: str
    on_demand: float
    spot: float | None = None

    @property
    def family(self) -> str:
        """The part before the point."""
        return self.instance_type.partition(".")[0]


@dataclass(frozen=True)
class PriceTable:
    """Prices of one region.

    Parameters
    ----------
    region : str
    as_of : date
        When they were right.
    source : str
        Where they are from, in words.
    instances : tuple of InstancePrice
    assumed_spot_share : float
        Spot over on demand, where a Spot price was never fetched: an assumption.
    dollars_per_1000_writes, dollars_per_1000_reads : float
        Of requests to S3.
    file : Path or None
        None for the packaged table.
    """

    region: str
    as_of: date
    source: str
    instances: tuple[InstancePrice, ...]
    assumed_spot_share: float
    dollars_per_1000_writes: float = 0.0
    dollars_per_1000_reads: float = 0.0
    file: Path | None = None

    @property
    def age_days(self) -> int:
        """Whole days since `as_of`."""
        return max(0, (datetime.now(UTC).date() - self.as_of).days)

    @property
    def spot_is_assumed(self) -> bool:
        """Whether any Spot price is the assumed share of the price on demand."""
        return any(each.spot is None for each in self.instances)

    def warnings(self) -> list[str]:
        """Return what a reader of dollars must know: age, and what is assumed."""
        reported = []
        refresh = f"daypart prices --refresh --region {self.region}"
        if self.age_days > STALE_DAYS:
            reported.append(f"prices are {self.age_days} days old ({self.as_of}): {refresh}")
        if self.spot_is_assumed:
            share = f"{self.assumed_spot_share:.0%} of on demand"
            reported.append(f"Spot prices are an assumption ({share}): {refresh}")
        return reported

    def spot_price(self, instance: InstancePrice) -> float:
        """Return an instance's Spot price, the assumed one where none is known."""
        known = instance.spot
        return instance.on_demand * self.assumed_spot_share if known is None else known

    def dollars_per_vcpu_hour(
        self,
        architecture: str,
        *,
        spot: bool,
        families: Sequence[str] = (),
        mib_a_vcpu: float = 0.0,
    ) -> float:
        """Return what an hour of a vCPU costs in a compute environment of several families.

        Parameters
        ----------
        architecture : str
            `x86_64` or `arm64`.
        spot : bool
            Spot hands out what is free, so it is the median over the types; on demand the
            cheapest type is taken.
        families : sequence of str
            Those of the environment, as far as they are priced; empty: all of them.
        mib_a_vcpu : float
            What a child requests. A host with less memory a vCPU leaves vCPUs idle, and they
            are paid for.

        Raises
        ------
        DaypartError
            Where no type of that architecture is priced.

        Examples
        --------
        >>> table = read_prices("us-east-1", file=None)
        >>> table.dollars_per_vcpu_hour("arm64", spot=False, families=["c7g"])
        0.03625
        """
        chosen = [each for each in self.instances if each.architecture == architecture]
        chosen = [each for each in chosen if each.family in families] or chosen
        if not chosen:
            raise DaypartError(
                f"no prices of {architecture} in region {self.region}",
                hint=f"daypart prices --refresh --region {self.region}",
            )
        found = []
        for each in chosen:
            price = self.spot_price(each) if spot else each.on_demand
            mib = each.memory_gib * 1024 * CONTAINER_SHARE
            room = mib / mib_a_vcpu if mib_a_vcpu else math.inf
            found.append(price / min(each.vcpus, room))
        return statistics.median(found) if spot else min(found)


def user_file() -> Path:
    """Return the path of the user's table: `daypart/prices.json` in the configuration folder."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "daypart" / "prices.json"


def read_prices(region: str, *, file: Path | None = None) -> PriceTable:
    """Return the prices of a region: the user's where he has them, else the packaged ones.

    Parameters
    ----------
    region : str
    file : Path, optional
        The user's table; looked for in his configuration folder when left out.

    Raises
    ------
    DaypartError
        Where neither knows the region, and for a table that can't be read.

    Examples
    --------
    >>> read_prices("us-east-1", file=Path("/nowhere")).region
    'us-east-1'
    """
    own = file or user_file()
    known: dict[str, Any] = {}
    for place in (own, None):
        if place is not None and not place.exists():
            continue
        regions = _regions(place)
        if region in regions:
            return _table(region, regions[region], place)
        known.update(regions)
    raise DaypartError(
        f"no prices of region {region!r}",
        hint=f"daypart prices --refresh --region {region}; {did_you_mean(region, known)}",
    )


def write_prices(table: PriceTable, file: Path | None = None) -> Path:
    """Put a region's prices into the user's table, beside those of other regions.

    Parameters
    ----------
    table : PriceTable
    file : Path, optional
        The user's table; that of the configuration folder by default.
    """
    place = file or user_file()
    regions = dict(_regions(place)) if place.exists() else {}
    regions[table.region] = {
        "as_of": table.as_of.isoformat(),
        "source": table.source,
        "assumed_spot_share": table.assumed_spot_share,
        "s3": {
            "dollars_per_1000_writes": table.dollars_per_1000_writes,
            "dollars_per_1000_reads": table.dollars_per_1000_reads,
        },
        "instances": {
            each.instance_type: {
                "vcpus": each.vcpus,
                "memory_gib": each.memory_gib,
                "architecture": each.architecture,
                "on_demand": each.on_demand,
                "spot": each.spot,
            }
            for each in table.instances
        },
    }
    make_folder(place.parent)
    write_json(place, {"kind": _KIND, "schema_version": SCHEMA_VERSION, "regions": regions})
    return place


def _regions(place: Path | None) -> Mapping[str, Any]:
    if place is None:
        packaged = importlib.resources.files("daypart.engine.costs.prices") / _PACKAGED
        content = json.loads(packaged.read_text("utf-8"))
    else:
        content = read_json(place)
    if content.get("kind") != _KIND or not isinstance(content.get("regions"), dict):
        raise DaypartError(f"{place}: holds no prices", hint="remove it, or fix it")
    regions: dict[str, Any] = content["regions"]
    return regions


def _table(region: str, content: Mapping[str, Any], place: Path | None) -> PriceTable:
    try:
        instances = tuple(
            InstancePrice(instance_type=name, **each) for name, each in content["instances"].items()
        )
        table = PriceTable(
            region=region,
            as_of=date.fromisoformat(content["as_of"]),
            source=content["source"],
            instances=instances,
            assumed_spot_share=float(content["assumed_spot_share"]),
            file=place,
            **content.get("s3", {}),
        )
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise DaypartError(
            f"{place}: prices of {region} can't be read ({error})", hint="refresh or remove them"
        ) from None
    for each in instances:
        numbers = (each.vcpus, each.memory_gib, each.on_demand, each.spot or each.on_demand)
        if not all(isinstance(n, int | float) and n > 0 for n in numbers) or (
            each.architecture not in ARCHITECTURES
        ):
            raise DaypartError(f"{place}: {region}: {each.instance_type} is not priced rightly")
    return table
