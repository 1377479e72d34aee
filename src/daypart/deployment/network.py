"""The network of the hosts: a given one, or the default of the account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daypart.errors import DaypartError

_HINT = "give --vpc and --subnets"


def default_network(ec2: Any, vpc: str | None, subnets: Sequence[str]) -> dict[str, str]:
    """Return the template's `Vpc` and `Subnets`.

    Parameters
    ----------
    ec2 : object
        boto3's client.
    vpc : str or None
        By default that of the subnets, or of the account.
    subnets : sequence of str
        By default all default subnets of the network.

    Raises
    ------
    DaypartError
        When there is none, or subnets are not of one network.
    """
    if subnets:
        found = ec2.describe_subnets(SubnetIds=list(subnets))["Subnets"]
        networks = {each["VpcId"] for each in found}
        if len(networks) != 1 or (vpc and networks != {vpc}):
            raise DaypartError(
                f"subnets {', '.join(subnets)} are not of one network {vpc or ''}".rstrip(),
                hint="give subnets of one VPC",
            )
        return {"Vpc": networks.pop(), "Subnets": ",".join(subnets)}
    if vpc is None:
        default = [{"Name": "is-default", "Values": ["true"]}]
        found_networks = ec2.describe_vpcs(Filters=default)["Vpcs"]
        if not found_networks:
            raise DaypartError("the account has no default network here", hint=_HINT)
        vpc = str(found_networks[0]["VpcId"])
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    found = ec2.describe_subnets(Filters=of_vpc)["Subnets"]
    chosen = sorted(each["SubnetId"] for each in found if each.get("DefaultForAz"))
    if not chosen:
        raise DaypartError(f"network {vpc} has no default subnets", hint=_HINT)
    return {"Vpc": vpc, "Subnets": ",".join(chosen)}
