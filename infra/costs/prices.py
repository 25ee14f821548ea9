"""Prices of AWS, from one file with its date and source."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from infra.config.instances import InstanceType

DATA = Path(__file__).with_name("prices.json")
_XLARGE_VCPU = 4
_HOURS_PER_MONTH = 730


@cache
def price_table() -> dict[str, Any]:
    """Return the price file: prices with their date, source and assumptions."""
    table: dict[str, Any] = json.loads(DATA.read_text())
    return table


def priced_families(region: str) -> tuple[str, ...]:
    """Return the families (`m5`, …) with a price in the region; none where the file knows no price."""
    return tuple(price_table()["ec2_xlarge_hour"].get(region, {}))


def has_price(name: str, region: str) -> bool:
    """Return whether the file knows what the type costs in the region."""
    return name.partition(".")[0] in priced_families(region)


def ec2_hour(instance: InstanceType, region: str) -> float:
    """Return EC2's price of an hour on demand, in USD. Raises KeyError: `has_price` is false for it."""
    xlarge = price_table()["ec2_xlarge_hour"][region][instance.family]
    return float(xlarge * instance.vcpu / _XLARGE_VCPU)


def node_hour(instance: InstanceType, region: str, *, public: bool, spot_share: float = 0.0) -> float:
    """Return the price of an hour of one node, in USD: EC2, EMR's fee, the disk, the public address if any.

    A share of such nodes may be Spot, for which EC2 takes less. Raises KeyError: `has_price` is false for it.
    """
    table, ec2 = price_table(), ec2_hour(instance, region)
    emr = table["emr_hour"].get(instance.name, ec2 * table["emr_share_of_ec2"])
    disk = table["gp3_gib_month"] * table["ebs_gib_per_node"] / _HOURS_PER_MONTH
    ec2 *= 1 - spot_share * (1 - table["spot_share_of_ec2"])
    return float(ec2 + emr + disk + (table["public_ipv4_hour"] if public else 0))


def request_price(*, reads: int, lists: int) -> float:
    """Return what so many requests to S3 cost, in USD; lists cost as much as writes."""
    table = price_table()["s3_thousand_requests"]
    return float((reads * table["read"] + lists * table["list"]) / 1_000)
