"""Show the prices behind estimates and bills, or fetch new ones from AWS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from daypart.engine.costs.prices.price_apis import PriceClients, fetch_prices
from daypart.engine.costs.prices.price_table import PriceTable, read_prices, write_prices
from daypart.errors import DaypartError
from daypart.progress import SILENT, Progress
from daypart.storage.aws import aws_region

DEFAULT_REGION = "us-east-1"
SIZES = ("xlarge", "2xlarge", "4xlarge", "8xlarge")


def prices(
    region: str | None = None,
    *,
    refresh: bool = False,
    families: Sequence[str] = (),
    file: Path | None = None,
    clients: PriceClients | None = None,
    progress: Progress = SILENT,
) -> PriceTable:
    """Return the prices of AWS in a region.

    Parameters
    ----------
    region : str, optional
        That of the AWS tools, or us-east-1, when left out.
    refresh : bool
        Fetch them from AWS (Pricing GetProducts, EC2 DescribeSpotPriceHistory) and keep them in
        the user's table.
    families : sequence of str
        Instance families to fetch; those of the present table when left out.
    file : Path, optional
        The user's table; `daypart/prices.json` of the configuration folder when left out.
    clients : PriceClients, optional
        Made by boto3 when left out.
    progress : Progress

    Returns
    -------
    PriceTable

    Raises
    ------
    DaypartError
        For a region without prices, missing credentials and refused calls.

    Examples
    --------
    >>> prices("us-east-1", file=Path("/nowhere")).spot_is_assumed
    True
    """
    chosen = region or aws_region() or DEFAULT_REGION
    if not refresh:
        return read_prices(chosen, file=file)
    like = _any_table(chosen, file)
    types = [f"{family}.{size}" for family in families for size in SIZES]
    types = types or [each.instance_type for each in like.instances]
    found = fetch_prices(
        chosen,
        types,
        clients or PriceClients.of_region(chosen),
        like=like,
        progress=progress,
    )
    return replace(found, file=write_prices(found, file))


def _any_table(region: str, file: Path | None) -> PriceTable:
    """Return the region's table, or the packaged one of another region."""
    try:
        return read_prices(region, file=file)
    except DaypartError:
        return read_prices(DEFAULT_REGION, file=file)
