"""Prices from the APIs of AWS: Pricing's GetProducts, and EC2's DescribeSpotPriceHistory."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from daypart.engine.costs.prices.price_table import InstancePrice, PriceTable
from daypart.errors import DaypartError
from daypart.progress import Progress
from daypart.storage.aws import aws_session

_PRICING_REGION = "us-east-1"
"""The Pricing API is served there, for all regions."""

_SPOT_DAYS = 1
_SOURCE = "AWS Pricing GetProducts and EC2 DescribeSpotPriceHistory"


@dataclass(frozen=True)
class PriceClients:
    """boto3's clients.

    Parameters
    ----------
    pricing, ec2 : object
        Of the Pricing API, and of EC2 in the requested region.
    """

    pricing: Any
    ec2: Any

    @classmethod
    def of_region(cls, region: str) -> PriceClients:
        """Make them, and say what is missing.

        Raises
        ------
        DaypartError
            Without boto3 or without credentials.
        """
        session = aws_session("a refresh of prices", region)
        return cls(session.client("pricing", region_name=_PRICING_REGION), session.client("ec2"))


def fetch_prices(
    region: str,
    instance_types: Sequence[str],
    clients: PriceClients,
    *,
    like: PriceTable,
    progress: Progress,
) -> PriceTable:
    """Fetch the prices of some instance types in a region from AWS.

    Parameters
    ----------
    region : str
    instance_types : sequence of str
    clients : PriceClients
    like : PriceTable
        Gives what is not fetched: prices of requests to S3, and the assumed share.
    progress : Progress

    Returns
    -------
    PriceTable
        Of the types that the region has; a type that no zone sells on Spot keeps the assumption.

    Raises
    ------
    DaypartError
        Where Amazon refuses, or the region has none of the types.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found: list[InstancePrice] = []
        with progress.step("asking for prices", total=len(instance_types), unit="types") as step:
            for name in instance_types:
                found += _on_demand(region, name, clients.pricing)
                step.advance()
        spot = _spot(instance_types, clients.ec2)
    except ClientError as error:
        reported = error.response.get("Error", {})
        raise DaypartError(
            f"AWS refuses {error.operation_name} in {region}: {reported.get('Message', reported)}",
            hint="allow pricing:GetProducts and ec2:DescribeSpotPriceHistory, and check the region",
        ) from None
    except BotoCoreError as error:
        raise DaypartError(
            f"AWS can't be reached for prices ({error})", hint="check the region and the network"
        ) from None
    if not found:
        raise DaypartError(
            f"region {region} has none of {', '.join(instance_types[:4])} ...",
            hint="check the region's name, or name families with --families",
        )
    return replace(
        like,
        region=region,
        as_of=datetime.now(UTC).date(),
        source=_SOURCE,
        instances=tuple(replace(each, spot=spot.get(each.instance_type)) for each in found),
        file=None,
    )


def _on_demand(region: str, instance_type: str, pricing: Any) -> Iterator[InstancePrice]:
    """Yield a type's price on demand: Linux, shared hosts, no software, no reservation."""
    wanted = {
        "regionCode": region,
        "instanceType": instance_type,
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
    }
    filters = [
        {"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()
    ]
    pages = pricing.get_paginator("get_products").paginate(ServiceCode="AmazonEC2", Filters=filters)
    dollars = []
    attributes: dict[str, str] = {}
    for page in pages:
        for text in page["PriceList"]:
            product = json.loads(text)
            hourly = list(_hourly_dollars(product))
            if hourly:
                attributes = product["product"]["attributes"]
                dollars += hourly
    if dollars:
        yield InstancePrice(
            instance_type,
            vcpus=int(attributes["vcpu"]),
            memory_gib=float(attributes["memory"].split()[0].replace(",", "")),
            architecture="arm64" if "Graviton" in attributes["physicalProcessor"] else "x86_64",
            on_demand=min(dollars),
        )


def _hourly_dollars(product: dict[str, Any]) -> Iterator[float]:
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            dollars = float(dimension["pricePerUnit"].get("USD", 0.0))
            if dimension["unit"] == "Hrs" and dollars > 0:
                yield dollars


def _spot(instance_types: Sequence[str], ec2: Any) -> dict[str, float]:
    """Return the newest Spot price of each type, the median over its availability zones."""
    pages = ec2.get_paginator("describe_spot_price_history").paginate(
        InstanceTypes=list(instance_types),
        ProductDescriptions=["Linux/UNIX"],
        StartTime=datetime.now(UTC) - timedelta(days=_SPOT_DAYS),
    )
    newest: dict[tuple[str, str], tuple[datetime, float]] = {}
    for page in pages:
        for each in page["SpotPriceHistory"]:
            place = (each["InstanceType"], each.get("AvailabilityZone", ""))
            entry = (each["Timestamp"], float(each["SpotPrice"]))
            newest[place] = max(newest.get(place, entry), entry)
    by_type: dict[str, list[float]] = {}
    for (name, _), (_, dollars) in newest.items():
        by_type.setdefault(name, []).append(dollars)
    return {name: statistics.median(found) for name, found in by_type.items()}
