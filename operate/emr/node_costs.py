"""What nodes have cost: hours that EMR tells of, times the price table; calls nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.config.instances import instance_types
from infra.costs.prices import has_price, node_hour, price_table
from operate.emr.nodes import Node

# EC2 and EMR count seconds, and a minute at least:
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html
LEAST_SECONDS = 60.0
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


def account(nodes: Iterable[Node], region: str, now: datetime) -> list[Line]:
    """Return hours and cost by type and market, the dearest first; running nodes count until now."""
    groups: dict[tuple[str, str, bool], list[Node]] = {}
    for node in nodes:
        if node.created is not None:
            groups.setdefault((node.type, node.market, node.public), []).append(node)
    lines = [_line(kind, market, nodes, region, now) for (kind, market, _), nodes in groups.items()]
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


def seconds_of(node: Node, now: datetime) -> float:
    """Return the seconds for which a node is paid; 0 before it exists."""
    if node.created is None:
        return 0.0
    return max(((node.ended or now) - node.created).total_seconds(), LEAST_SECONDS)


def _line(kind: str, market: str, nodes: list[Node], region: str, now: datetime) -> Line:
    hours = sum(seconds_of(node, now) for node in nodes) / 3600
    price = hour_price(nodes[0], region)
    facts: dict[str, Any] = {
        "source": f"EMR ListInstances; {_price_source(kind, price)}",
        "expected_error": SPOT_ERROR if market == "SPOT" else ON_DEMAND_ERROR,
    }
    return Line(kind, market, len(nodes), hours, None if price is None else hours * price, **facts)


def _price_source(kind: str, price: float | None) -> str:
    if price is None:
        return f"no price of {kind} in infra/costs/prices.json"
    return f"{price:.3f} USD/hour by infra/costs/prices.json of {price_table()['date']}"
