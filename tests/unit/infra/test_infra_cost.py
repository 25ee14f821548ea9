"""Cost: figures that follow from the price file, reckoned here a second time."""

import pytest

from infra.config.deployment import DeploymentConfig
from infra.config.fleets import Fleet
from infra.config.instances import instance_types
from infra.config.sizing import WORKER_MIB
from infra.costs.cost import idle_monthly_cost, largest_hourly_cost, rate_table, run_estimate
from infra.costs.prices import node_hour, price_table

DISK = 0.0928 * 64 / 730


def test_a_node_costs_instance_fee_disk_and_address() -> None:
    """m5.xlarge in Paris: 0.224 + 0.048 for EMR + 64 GiB of gp3 + 0.005 for a public address."""
    node = instance_types()["m5.xlarge"]
    assert node_hour(node, "eu-west-3", public=True) == pytest.approx(0.224 + 0.048 + DISK + 0.005)
    assert node_hour(node, "eu-west-3", public=False) == pytest.approx(0.224 + 0.048 + DISK)


def test_larger_sizes_cost_in_proportion() -> None:
    """m5.2xlarge is two m5.xlarge; EMR's fee, not listed for it, is a quarter of that."""
    node = instance_types()["m5.2xlarge"]
    assert node_hour(node, "eu-west-3", public=False) == pytest.approx(0.448 * 1.25 + DISK)


def test_the_largest_cluster_is_every_fleet_at_its_most_and_dearest() -> None:
    """Three nodes of the dearer of two types, two of the other fleet."""
    fleets = (Fleet("core", ("m5.xlarge", "m7g.xlarge"), 2, 3), Fleet("task", ("m7g.xlarge",), 0, 2, 1.0))
    dear, cheap = 0.272 + DISK, 0.190 * 1.25 + DISK
    assert largest_hourly_cost(fleets, "eu-west-3", public=False) == pytest.approx(3 * dear + 2 * cheap)


def test_a_run_is_paid_from_start_to_idle_end() -> None:
    """72,000 images at 60 images/s on each of 20 cores take a minute; start, rest and idle come on top."""
    rates = rate_table()
    besides = rates["cluster_start_minutes"] + rates["run_minutes_besides_images"]
    run = run_estimate(model="mobilenet_v2", images=72_000, cores=20, largest_hourly_usd=6, idle_minutes=30)
    assert run.rate == 1200
    assert run.minutes == pytest.approx(1 + besides)
    assert run.cost_usd == pytest.approx(6 * (31 + besides) / 60)


def test_idle_cost_counts_what_is_paid_by_the_hour() -> None:
    """Keys, NAT gateways, alarms, and dashboards above the free three; buckets and roles cost nothing."""
    kinds = ["AWS::KMS::Key", "AWS::EC2::NatGateway", "AWS::S3::Bucket", *["AWS::CloudWatch::Alarm"] * 4]
    template = {"Resources": {f"R{i}": {"Type": kind} for i, kind in enumerate(kinds)}}
    dashboards = {"Resources": {f"D{i}": {"Type": "AWS::CloudWatch::Dashboard"} for i in range(4)}}
    assert idle_monthly_cost([template, dashboards]) == pytest.approx(
        {
            "AWS::KMS::Key": 1.0,
            "AWS::EC2::NatGateway": 36.5,
            "AWS::CloudWatch::Alarm": 0.4,
            "AWS::CloudWatch::Dashboard": 3.0,
        }
    )
    assert idle_monthly_cost([{"Resources": {}}]) == {}


def test_prices_and_rates_name_date_and_source() -> None:
    """A figure without date and source is a rumour."""
    for table in (price_table(), rate_table()):
        assert table["date"].startswith("20")
        assert len(table["source"]) > 40


def test_every_model_has_a_rate_and_a_size() -> None:
    """Whatever model the configuration takes can be planned."""
    models = {"mobilenet_v2", "vgg16", "resnet50", "efficientnet_lite0", "raw_pixels"}
    assert set(rate_table()["images_per_second_per_vcpu"]) == models
    assert set(WORKER_MIB) == models
    for model in models:
        assert DeploymentConfig.from_context({"model": model}).model == model
