"""Cost: nothing is forgotten, no choice of EMR's costs more than the limit, and figures have sources."""

from datetime import UTC, date, datetime
from itertools import product

import pytest

from infra.config.deployment import DeploymentConfig
from infra.config.instances import Fleet, instance_types
from infra.config.sizing import WORKER_MIB
from infra.costs.cost import (
    course,
    idle_monthly_cost,
    largest_hourly_cost,
    minutes_besides,
    rate_table,
    run_estimate,
)
from infra.costs.prices import node_hour, price_table

HOURS_PER_MONTH = 730
REGION = "eu-west-3"


def hour(name: str, *, public: bool = False) -> float:
    return node_hour(instance_types()[name], REGION, public=public)


def test_a_month_of_a_node_is_paid_for_instance_emr_disk_and_address() -> None:
    """Each part by its own unit: instance, EMR's fee and address by the hour, the disk by the month."""
    table = price_table()
    by_the_hour = table["ec2_xlarge_hour"][REGION]["m5"] + table["emr_hour"]["m5.xlarge"]
    disk = table["gp3_gib_month"] * table["ebs_gib_per_node"]
    address = table["public_ipv4_hour"]
    month = HOURS_PER_MONTH * hour("m5.xlarge")
    assert month == pytest.approx(HOURS_PER_MONTH * by_the_hour + disk)
    assert hour("m5.xlarge", public=True) - hour("m5.xlarge") == pytest.approx(address)


@pytest.mark.parametrize("family", ["m5", "m7g", "m7i-flex"])
def test_larger_sizes_cost_in_proportion(family: str) -> None:
    """From 8 to 16 vCPU costs twice the step from 4 to 8, but for the fee that is listed for one type."""
    one, two, four = (hour(f"{family}.{size}xlarge") for size in ("", "2", "4"))
    assert one < two < four
    assert four - two == pytest.approx(2 * (two - one), rel=0.1)


def test_no_cluster_that_emr_may_choose_costs_more_than_the_limit_says() -> None:
    """Of every choice of types and numbers within the fleets, the dearest costs exactly the largest cost."""
    core = Fleet("core", ("m5.xlarge", "m7g.xlarge"), 2, 3)
    task = Fleet("task", ("m7g.xlarge", "m7i-flex.xlarge"), 0, 2, 1.0)
    choices = [
        sum(map(hour, (*cores, *tasks)))
        for core_count in range(core.minimum, core.maximum + 1)
        for task_count in range(task.minimum, task.maximum + 1)
        for cores in product(core.types, repeat=core_count)
        for tasks in product(task.types, repeat=task_count)
    ]
    assert max(choices) == pytest.approx(largest_hourly_cost((core, task), REGION, public=False))


def test_a_run_is_paid_from_start_to_idle_end() -> None:
    """72,000 images at 60 images/s on each of 20 cores take a minute; start, rest and idle come on top."""
    rates = rate_table()
    besides = rates["cluster_start_minutes"] + minutes_besides(72_000)
    minutes, usd = run_estimate(core_rate=60, images=72_000, cores=20, largest_hourly_usd=6, idle_minutes=30)
    assert minutes == pytest.approx(1 + besides)
    assert usd == pytest.approx(6 * (31 + besides) / 60)


def test_each_node_is_paid_from_when_it_joins() -> None:
    """Half a million images: three workers compute alone, then four more join; all wait for the start."""
    rates = rate_table()
    joined, asked = rates["node_works_after_minutes"], rates["scaling_asks_after_minutes"]
    config = DeploymentConfig(
        task_maximum=5, task_instance_types=("m5.xlarge",), core_instance_types=("m5.xlarge",)
    )
    run = course(config, 500_000, start_minutes=7)
    alone = 3 * 4 * 60 * 60 * joined
    computing = joined + (500_000 - alone) / (7 * 4 * 60 * 60)
    minutes = 7 + computing + minutes_besides(500_000)
    assert (run.cores, run.rate) == (28, 28 * 60)
    assert run.minutes == pytest.approx(minutes)
    m5 = hour("m5.xlarge", public=True)
    late = 4 * m5 * (minutes - 7 - asked)
    first = (3 * m5 + hour("m7i-flex.xlarge", public=True)) * minutes
    assert run.cost.on_demand == pytest.approx((first + late) / 60)
    assert run.cost.spot < run.cost.on_demand


def test_spot_lowers_the_price_of_the_machine_alone() -> None:
    """EMR's fee, the disk and the address cost the same."""
    table, m5 = price_table(), instance_types()["m5.xlarge"]
    saved = hour("m5.xlarge") - node_hour(m5, REGION, public=False, spot_share=0.5)
    assert saved == pytest.approx(0.5 * 0.224 * (1 - table["spot_share_of_ec2"]))


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
    """A figure without date and source is a rumour; a date of the future is none."""
    for table in (price_table(), rate_table()):
        assert date.fromisoformat(table["date"]) <= datetime.now(UTC).date()
        assert len(table["source"]) > 40


def test_every_model_has_a_rate_and_a_size() -> None:
    """Whatever model the configuration takes can be planned."""
    models = {"mobilenet_v2", "vgg16", "resnet50", "efficientnet_lite0", "raw_pixels"}
    assert set(rate_table()["images_per_second_per_vcpu"]) == models
    assert set(WORKER_MIB) == models
    for model in models:
        assert DeploymentConfig.from_context({"model": model}).model == model
