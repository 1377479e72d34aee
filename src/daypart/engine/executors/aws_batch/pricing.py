"""What a vCPU-hour costs on the queues of an executor's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from daypart.engine.costs.prices.price_table import PriceTable, read_prices
from daypart.engine.costs.prices.prices import DEFAULT_REGION
from daypart.engine.executors.aws_batch.settings import AwsBatchSettings
from daypart.errors import DaypartError
from daypart.storage.aws import aws_region

X86_64, ARM64 = "x86_64", "arm64"


@dataclass(frozen=True)
class Rates:
    """Dollars of a vCPU-hour by architecture.

    Parameters
    ----------
    table : PriceTable
    on_demand, spot : mapping of str to float
    """

    table: PriceTable
    on_demand: Mapping[str, float]
    spot: Mapping[str, float]

    @classmethod
    def of(cls, settings: AwsBatchSettings, memory_mib: int | None = None) -> Rates:
        """Look the rates up for a child's size.

        Parameters
        ----------
        settings : AwsBatchSettings
        memory_mib : int, optional
            Of a child; that of the settings by default.

        Raises
        ------
        DaypartError
            Where the region has no prices.
        """
        table = read_prices(settings.region or aws_region() or DEFAULT_REGION)
        families = {X86_64: settings.families, ARM64: settings.arm64_families}
        mib = (memory_mib or settings.memory) / settings.vcpus
        both = {
            spot: {
                architecture: table.dollars_per_vcpu_hour(
                    architecture, spot=spot, families=names, mib_a_vcpu=mib
                )
                for architecture, names in families.items()
            }
            for spot in (False, True)
        }
        return cls(table, both[False], both[True])

    def by_queue(self, settings: AwsBatchSettings) -> dict[str, float]:
        """Return the dollars of a vCPU-hour on each queue of the settings."""
        rates = self.spot if settings.spot else self.on_demand
        both = {settings.queue: rates[X86_64], settings.arm64_queue: rates[ARM64]}
        return {queue: rate for queue, rate in both.items() if queue}


def with_price_ratio(settings: AwsBatchSettings) -> AwsBatchSettings:
    """Return settings whose `arm64_price_ratio` is known: what is set, else by the prices.

    Without prices of the region the queues share the fits equally.
    """
    if settings.arm64_price_ratio or not (settings.queue and settings.arm64_queue):
        return settings
    try:
        rates = Rates.of(settings)
    except DaypartError:
        return replace(settings, arm64_price_ratio=1.0)
    chosen = rates.spot if settings.spot else rates.on_demand
    ratio = settings.arm64_seconds_ratio * chosen[ARM64] / chosen[X86_64]
    return replace(settings, arm64_price_ratio=ratio)
