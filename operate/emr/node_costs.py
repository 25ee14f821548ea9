"""What nodes have cost: hours that EMR tells of, times the price table, or EC2's history of Spot prices."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.config.instances import instance_types
from infra.costs.prices import ec2_hour, has_price, node_hour, price_table
from operate.emr.clusters import Node

SPOT = "SPOT"
ON_DEMAND_ERROR = "time within seconds of EC2's; prices as dated, without tax, traffic and storage"
SPOT_ERROR = "counted at the price on demand: the bill is lower, often by 50 to 70 %"


@dataclass(frozen=True)
class Line:
    """The nodes of one type and market together."""

    instance_type: str
    market: str
    nodes: int
    hours: float
    cost_usd: float | None  # None: a type without a price
    source: str
    expected_error: str


def account(
    nodes: Iterable[Node], region: str, now: datetime, spot_usd: Mapping[str, float] | None = None
) -> list[Line]:
    """Return hours and cost by type and market, until now, the dearest first.

    Spot costs `spot_usd` an hour, by type; a type that is not there is counted on demand.
    """
    groups: dict[tuple[str, str, bool], list[Node]] = {}
    for node in nodes:
        if node.created is not None:
            groups.setdefault((node.type, node.market, node.public), []).append(node)
    lines = [
        _line(kind, market, nodes, region, now, (spot_usd or {}).get(kind) if market == SPOT else None)
        for (kind, market, _), nodes in groups.items()
    ]
    return sorted(lines, key=lambda line: -(line.cost_usd or 0))


def total(lines: Iterable[Line]) -> float | None:
    """Return the USD of all lines; None when one of them has no price."""
    costs = [line.cost_usd for line in lines]
    return None if None in costs else sum(cost for cost in costs if cost is not None)


def hour_price(node: Node, region: str) -> float | None:
    """Return the USD of an hour of the node on demand; None: its type has no price."""
    if node.type not in instance_types() or not has_price(node.type, region):
        return None
    return node_hour(instance_types()[node.type], region, public=node.public)


def _line(kind: str, market: str, nodes: list[Node], region: str, now: datetime, spot: float | None) -> Line:
    hours = sum(node.paid_hours(now) for node in nodes)
    price, source = hour_price(nodes[0], region), f"no price of {kind} in infra/costs/prices.json"
    if price is not None and spot is not None:
        price += spot - ec2_hour(instance_types()[kind], region)
        source = f"{price:.3f} USD/hour with EC2's history of Spot prices"
    elif price is not None:
        source = f"{price:.3f} USD/hour by infra/costs/prices.json of {price_table()['date']}"
    error = ON_DEMAND_ERROR if market != SPOT or spot is not None else SPOT_ERROR
    cost = None if price is None else hours * price
    return Line(kind, market, len(nodes), hours, cost, f"EMR ListInstances; {source}", error)


def spot_prices(ec2: Any, nodes: Iterable[Node], zone: str, now: datetime) -> dict[str, float]:
    """Return what EC2 took for an hour of each type of the Spot nodes, on average over their lives, in USD.

    A type of which EC2 says nothing is left out: EC2 knows the last three months, and may refuse to answer.
    """
    lives: dict[str, list[tuple[datetime, datetime]]] = {}
    for node in nodes:
        if node.market == SPOT and node.created:
            lives.setdefault(node.type, []).append((node.created, node.ended or now))
    prices = {}
    for kind, spans in lives.items():
        begin, end = min(span[0] for span in spans), max(span[1] for span in spans)
        asked = {"InstanceTypes": [kind], "ProductDescriptions": ["Linux/UNIX"], "AvailabilityZone": zone}
        try:
            history = ec2.get_paginator("describe_spot_price_history")
            pages = history.paginate(**asked, StartTime=begin, EndTime=end)
            told = [item for page in pages for item in page["SpotPriceHistory"]]
        except (ClientError, BotoCoreError):
            continue
        # Each price holds until the next one; the first may be older than the node.
        changes = sorted((max(item["Timestamp"], begin), float(item["SpotPrice"])) for item in told)
        ends = [*(moment for moment, _ in changes[1:]), end]
        seconds = [(until - since).total_seconds() for (since, _), until in zip(changes, ends, strict=True)]
        if changes and sum(seconds) > 0:
            weighted = (price * weight for (_, price), weight in zip(changes, seconds, strict=True))
            prices[kind] = sum(weighted) / sum(seconds)
    return prices
