"""What nodes have cost: seconds times price, with what is not known said."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from infra.config.instances import instance_types
from infra.costs.cost import minutes_besides, rate_table
from infra.costs.prices import node_hour
from operate.emr.clusters import Node
from operate.emr.node_costs import account, spot_prices, total
from operate.submission.place import estimate
from tests.doubles import Double

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
REGION = "eu-west-3"


def node(hours=1.0, *, kind="m5.xlarge", market="ON_DEMAND", ended=True, public=False, state="RUNNING"):
    begun = NOW - timedelta(hours=hours)
    return Node("ci-1", "i-1", "f-1", kind, market, state, public, begun, NOW if ended else None)


def price(kind="m5.xlarge", public=False):
    return node_hour(instance_types()[kind], REGION, public=public)


def test_hours_times_price_give_the_cost():
    """Two nodes of two hours and half an hour, one line."""
    (line,) = account([node(2.0), node(0.5)], REGION, NOW)
    assert (line.nodes, line.hours) == (2, 2.5)
    assert line.cost_usd == pytest.approx(2.5 * price())


def test_a_running_node_counts_until_now_and_a_minute_at_least():
    """As EC2 bills."""
    assert account([node(3.0, ended=False)], REGION, NOW)[0].hours == pytest.approx(3)
    assert account([node(1 / 3600)], REGION, NOW)[0].hours == pytest.approx(1 / 60)


def test_a_public_address_is_paid_for():
    """The same node with an address costs more by the table's address."""
    (line,) = account([node(public=True)], REGION, NOW)
    assert line.cost_usd == pytest.approx(price(public=True))
    assert price(public=True) > price()


def test_spot_is_counted_on_demand_and_says_so():
    """An upper bound, in a line of its own."""
    lines = {line.market: line for line in account([node(), node(market="SPOT")], REGION, NOW)}
    assert lines["SPOT"].cost_usd == lines["ON_DEMAND"].cost_usd
    assert "the bill is lower" in lines["SPOT"].expected_error
    assert "the bill is lower" not in lines["ON_DEMAND"].expected_error


class SpotMarket(Double):
    """EC2's history of one type: dearer from 10:30 on."""

    def __init__(self, refuses=False):
        self.refuses = refuses

    def get_paginator(self, operation):
        assert operation == "describe_spot_price_history"
        return self

    def paginate(self, **asked):
        if self.refuses:
            raise ClientError({"Error": {"Code": "UnauthorizedOperation"}}, "DescribeSpotPriceHistory")
        assert (asked["InstanceTypes"], asked["AvailabilityZone"]) == (["m5.xlarge"], "eu-west-3a")
        moments = {NOW - timedelta(hours=9): "0.08", NOW - timedelta(minutes=30): "0.12"}
        return [{"SpotPriceHistory": [{"Timestamp": at, "SpotPrice": usd} for at, usd in moments.items()]}]


def test_spot_costs_what_ec2_took_for_it():
    """On average over the nodes' lives; EMR's fee, the disk and the address as on demand."""
    nodes = [node(2.0, market="SPOT"), node(1.0)]
    found = spot_prices(SpotMarket(), nodes, "eu-west-3a", NOW)
    assert found == {"m5.xlarge": pytest.approx((1.5 * 0.08 + 0.5 * 0.12) / 2)}
    lines = {line.market: line for line in account(nodes, REGION, NOW, found)}
    assert lines["SPOT"].cost_usd == pytest.approx(2 * (price() - 0.224 + 0.09))
    assert lines["ON_DEMAND"].cost_usd == pytest.approx(price())
    assert lines["SPOT"].expected_error == lines["ON_DEMAND"].expected_error
    assert spot_prices(SpotMarket(refuses=True), nodes, "eu-west-3a", NOW) == {}


def test_a_type_without_a_price_keeps_its_hours_and_makes_no_false_total():
    """Nothing is counted as free."""
    lines = account([node(kind="x9.huge"), node()], REGION, NOW)
    unknown = next(line for line in lines if line.instance_type == "x9.huge")
    assert (unknown.hours, unknown.cost_usd) == (1.0, None)
    assert "no price of x9.huge" in unknown.source
    assert total(lines) is None


def test_nodes_that_never_came_cost_nothing():
    """Requested, not created."""
    assert (
        account(
            [Node("ci", "", "", "m5.xlarge", "SPOT", "AWAITING_FULFILLMENT", False, None, None)], REGION, NOW
        )
        == []
    )


def test_an_estimate_grows_with_images_and_errs_upwards():
    """All nodes that scaling allows, with the primary one, for the run and the idle time."""
    nodes = [node(ended=False) for _ in range(3)]
    few, many = (
        estimate(
            nodes,
            images=count,
            model="mobilenet_v2",
            region=REGION,
            most_nodes=6,
            idle_minutes=30,
            own_rates=(),
        )
        for count in (1_000, 1_000_000)
    )
    assert few.minutes < many.minutes
    rate = rate_table()["images_per_second_per_vcpu"]["mobilenet_v2"]
    assert many.minutes == pytest.approx(minutes_besides(1_000_000) + 1_000_000 / (6 * 4 * rate) / 60)
    assert many.cost_usd == pytest.approx(7 * price() * (many.minutes + 30) / 60)


def test_an_estimate_without_limits_counts_the_nodes_that_are_there():
    """Whoever may not ask for the policy gets an estimate all the same; an unknown model counts as slow."""
    nodes = [node(ended=False) for _ in range(3)] + [node(state="TERMINATED")]
    made = estimate(
        nodes, images=100, model="new", region=REGION, most_nodes=None, idle_minutes=0, own_rates=()
    )
    assert made.nodes == 2
    assert made.minutes == pytest.approx(minutes_besides(100) + 100 / (2 * 4 * 2) / 60)
