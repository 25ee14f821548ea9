"""The plan and the next steps, as people read them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from infra.config.deployment import DeploymentConfig
from infra.costs.cost import OwnRate, course, rate_table
from infra.costs.plan import MOST_PRICE_AGE_DAYS, plan, price_age, rendered
from infra.costs.prices import price_table
from operate.commands.deploy import next_steps

ALARM = {"Resources": {"A": {"Type": "AWS::CloudWatch::Alarm"}}}


def text_of(config: DeploymentConfig, *own_rates: OwnRate) -> str:
    console = Console(width=140, file=StringIO())
    with console.capture() as captured:
        console.print(rendered(plan(config, [ALARM], own_rates)))
    return captured.get()


def test_the_plan_prefers_the_rates_of_the_account_s_own_runs_and_names_them() -> None:
    """The latest of the same network, family and kind of photographs; else those of the project."""
    config = DeploymentConfig()
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    rate = OwnRate("latest", moment, "mobilenet_v2", ("m5", "m7i-flex"), 0.02, 30.0)
    earlier = replace(rate, run="earlier", created=moment - timedelta(days=1), images_per_second=9.0)
    others = [
        replace(rate, run="other", model="vgg16"),
        replace(rate, run="other", families=("m5", "t3")),
        replace(rate, run="other", megapixels=1.0),
    ]
    with_own, without = (course(config, 100_000, own_rates=rates) for rates in ([earlier, rate, *others], []))
    assert with_own.rate / without.rate == pytest.approx(30 / 60)
    assert with_own.minutes > without.minutes
    phone = [course(config, 100_000, photographs="phone", own_rates=rates) for rates in ([rate], [])]
    assert phone[0] == phone[1]
    text = text_of(config, earlier, rate, *others)
    assert "Rate from run latest of 2026-11-20 (30.0 images/s a core on m5 and m7i-flex," in text
    assert "earlier" not in text
    assert "other of" not in text
    assert "from run" not in text_of(config)
    assert "from measurements of the project" in text_of(config)


def test_the_plan_names_every_fleet_and_type() -> None:
    """Fleet, type, vCPU, memory, at first, at most, Spot and price are on the type's line."""
    text = text_of(DeploymentConfig())
    task = next(line for line in text.splitlines() if "task" in line and "m5.xlarge" in line)
    assert task.split() == ["task", "m5.xlarge", "4", "16", "1", "4", "100%", "0.289"]


def test_the_plan_says_what_it_costs_and_from_when_prices_are() -> None:
    """Idle, an hour at most, this run, a month; date of prices and rate."""
    text = text_of(DeploymentConfig(expected_images=1_000_000))
    for part in (
        "idle, a month",
        "0.10",
        "an hour at most",
        "2.07",
        "the deploy's run",
        "1,000,000 images",
        "a month",
    ):
        assert part in text
    assert f"Prices of {price_table()['date']}" in text
    assert "https://aws.amazon.com/ec2/pricing/on-demand/" in " ".join(text.split())
    assert f"Rate of {rate_table()['date']}" in text


def test_the_plan_warns_of_old_prices() -> None:
    """After half a year somebody should look at AWS's tables again; before, nobody is bothered."""
    noted = date.fromisoformat(price_table()["date"])
    assert "check them" not in price_age(noted + timedelta(days=MOST_PRICE_AGE_DAYS))
    assert "check them" in price_age(noted + timedelta(days=MOST_PRICE_AGE_DAYS + 1))


def test_a_cluster_without_task_nodes_has_no_task_fleet() -> None:
    """task_maximum=0: two fleets, and cores of core nodes only."""
    config = DeploymentConfig(task_maximum=0)
    assert "task  " not in text_of(config)
    assert plan(config, []).run.cores == 8


def test_a_warm_cluster_is_priced() -> None:
    """A cluster ends a minute after its run; half an hour more costs half an hour of the whole cluster."""
    brief, warm = (
        plan(config, []) for config in (DeploymentConfig(), DeploymentConfig(idle_timeout_minutes=31))
    )
    assert brief.config.idle_timeout_minutes == 1
    assert warm.run.cost.on_demand - brief.run.cost.on_demand == pytest.approx(warm.largest_hourly / 2)
    assert "then 31 min idle" in text_of(warm.config)


def test_a_month_is_idle_and_runs() -> None:
    """Idle cost once, each run as estimated."""
    of_month = plan(DeploymentConfig(runs_per_month=10), [ALARM])
    assert of_month.monthly == of_month.idle_monthly + 10 * of_month.run.cost.on_demand
    assert of_month.idle_monthly == 0.1


@pytest.mark.parametrize(("images", "most", "most_spot"), [(100_000, 0.25, 0.22), (1_000_000, 0.70, 0.57)])
def test_a_run_is_cheap(images: int, most: float, most_spot: float) -> None:
    """What `submit` costs on the default deployment, of small photographs, at the prices of the table.

    A deploy's own run pays an idle minute more.
    """
    made = plan(DeploymentConfig(expected_images=images), [])
    assert made.launched_run.cost.on_demand <= most
    assert made.launched_run.cost.spot <= most_spot
    assert made.launched_run.cost.on_demand < made.run.cost.on_demand < most + 0.04


def test_the_plan_shows_what_waiting_costs_and_photographs_of_phones() -> None:
    """Two sizes and two kinds of photographs; a run of few images pays mostly for the start."""
    text = text_of(DeploymentConfig())
    rows = [line for line in text.splitlines() if "  100 x 100 " in line or "  12 megapixels " in line]
    assert [row.split()[0] for row in rows] == ["100,000"] * 2 + ["1,000,000"] * 2
    assert "5 to 10 min to start" in text
    few, many = (course(DeploymentConfig(), images) for images in (1_000, 10_000_000))
    assert few.waiting > 0.95
    assert many.waiting < 0.15
    assert many.steady.on_demand < many.cost.of_a_million(many.images).on_demand < 0.5


def test_families_stand_side_by_side() -> None:
    """Each with a price in the region, the cheapest first; a type with little memory uses fewer cores."""
    with_families = Console(width=140, file=StringIO())
    with with_families.capture() as captured:
        with_families.print(rendered(plan(DeploymentConfig(), []), compare=True))
    table = captured.get().partition("all nodes of one family")[2]
    rows = [line.split() for line in table.splitlines() if "100 x 100" in line]
    assert [row[0] for row in rows] == [
        "m7g.xlarge",
        "m5.xlarge",
        "m7i-flex.xlarge",
        "c7i-flex.xlarge",
    ]
    assert [row[2].strip() for row in rows] == ["24", "24", "24", "12"]


def test_next_steps_give_outputs_run_and_commands() -> None:
    """After a deploy: each stack's outputs, the run id, and commands with this stage, source and run."""
    text = next_steps(
        "prod",
        {
            "fruit-features-prod-storage": {"ImageSources": "taille-fixe,taille-variable"},
            "fruit-features-prod-pipeline": {"RunId": "run-1", "ClusterId": "j-1"},
        },
    )
    assert "ClusterId  j-1" in text
    assert "run run-1" in text.splitlines()
    for command in (
        "fruit upload PHOTOGRAPHS --source=taille-fixe --stage=prod",
        "fruit submit --wait --stage=prod",
        "fruit status run-1 --stage=prod",
        "fruit logs run-1 --stage=prod",
        "fruit fetch run-1 --to=results --stage=prod",
        "make destroy STAGE=prod",
    ):
        assert command in text


def test_next_steps_repeat_a_region_that_only_the_deploy_was_told() -> None:
    """The commands that follow look where the deploy went."""
    text = next_steps("dev", {}, "eu-west-1")
    assert "fruit submit --wait --stage=dev --region=eu-west-1" in text
    assert "make destroy STAGE=dev CONTEXT='-c region=eu-west-1'" in text
    assert "region" not in next_steps("dev", {})
