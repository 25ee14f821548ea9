"""The schedule of runs: which expressions are taken, and how many runs a month they mean."""

import pytest

from infra.config.deployment import DeploymentConfig
from infra.config.schedule import starts_per_month
from infra.costs.plan import plan
from infra.errors import ConfigError


@pytest.mark.parametrize(
    ("expression", "runs"),
    [
        ("0 3 * * ? *", 1461 / 48),  # every night
        ("30 6,18 * * ? *", 2 * 1461 / 48),
        ("0 0/6 * * ? *", 4 * 1461 / 48),
        ("0 3 1 * ? *", 1.0),  # the first of each month
        ("0 3 31 * ? *", 7 / 12),  # of those that have one
        ("0 3 ? * SUN *", 209 / 48),
        ("0 3 ? * 1 *", 209 / 48),  # 1 is Sunday
        ("0 3 ? * mon-fri *", 1043 / 48),
        ("0 3 ? JAN-MAR/2 SAT *", 36 / 48),  # January and March
    ],
)
def test_the_runs_of_a_month_are_counted(expression, runs) -> None:
    """Over four years, so that the average month has its share of everything."""
    assert starts_per_month(expression) == pytest.approx(runs, abs=0.05)


@pytest.mark.parametrize(
    "expression",
    ["daily", "rate(1 day)", "0 3 * * *", "0 3 * * * *", "0 3 ? * ? *", "0/5 3 * * ? *", "60 3 * * ? *"]
    + ["0 24 * * ? *", "0 3 L * ? *", "0 3 ? * MON#1 *", "0 3 * * ? 2027", "0 5-3 * * ? *"]
    + ["0 3 30 2 ? *", "0 ? * * ? *", "0 0/-1 * * ? *", "+5 3 * * ? *", "0 1_0 * * ? *"],
)
def test_anything_else_is_refused_in_one_line(expression) -> None:
    """The message shows the value seen and an example."""
    with pytest.raises(ConfigError, match="allowed: a cron expression of EventBridge") as refusal:
        DeploymentConfig.from_context({"stage": "dev", "schedule": expression})
    assert str(refusal.value).startswith(f"schedule={expression}: ")


def test_the_plan_prices_the_schedule() -> None:
    """Each run on a cluster of its own that ends with it, beside the runs that people start."""
    plain = plan(DeploymentConfig.from_context({"stage": "dev"}), [])
    nightly = plan(DeploymentConfig.from_context({"stage": "dev", "schedule": "0 3 * * ? *"}), [])
    assert (plain.scheduled_runs, plain.scheduled_monthly) == (0, 0)
    assert nightly.scheduled_monthly == pytest.approx(30.4 * nightly.launched_run.cost.on_demand, rel=0.01)
    assert nightly.monthly == pytest.approx(plain.monthly + nightly.scheduled_monthly)
    warm = plan(DeploymentConfig.from_context({"stage": "dev", "idle_timeout_minutes": "60"}), [])
    assert warm.launched_run.cost == plain.launched_run.cost
    assert warm.launched_run.cost.on_demand < warm.run.cost.on_demand
