"""The identity of a run: equal inputs give equal names, and every input counts."""

import re
from typing import Any

import pytest

from infra.config.deployment import DeploymentConfig
from infra.run.identity import Run, cluster_name, job_parameters, run_id, run_of
from spark_job.contract.options import DEPLOY
from spark_job.contract.run_options import RunOptions

INPUTS: dict[str, Any] = {
    "job_hash": "a" * 64,
    "extractor_hash": "b" * 64,
    "parameters": {"variance": 0.8},
    "name": None,
}
# What the job takes as --run-id.
ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def test_the_same_inputs_give_the_same_run() -> None:
    """Whatever the order of the parameters: an unchanged deploy changes nothing."""
    one = run_id(**{**INPUTS, "parameters": {"a": 1, "b": 2}})
    assert run_id(**{**INPUTS, "parameters": {"b": 2, "a": 1}}) == one


@pytest.mark.parametrize(
    "change",
    [
        {"job_hash": "c" * 64},
        {"extractor_hash": "c" * 64},
        {"parameters": {"variance": 0.9}},
        {"name": "again"},
    ],
)
def test_each_input_makes_another_run(change) -> None:
    """Code, extractor, parameters, name."""
    assert run_id(**{**INPUTS, **change}) != run_id(**INPUTS)


@pytest.mark.parametrize("name", [None, "a", "x" * 64, "harvest_2026.10"])
def test_a_run_id_is_one_that_the_job_takes(name) -> None:
    """With the longest name too; the name leads."""
    identity = run_id(**{**INPUTS, "name": name})
    assert ALLOWED.fullmatch(identity)
    assert identity.startswith(f"{name or 'run'}-")


def test_sources_engine_and_variance_are_what_the_job_is_asked_for() -> None:
    """A field of the configuration that reaches the step's arguments is in the run's identity."""
    plain = DeploymentConfig.from_context({"stage": "dev"})
    hashes = {"job_hash": "a", "extractor_hash": "b"}
    for context in (
        {"image_sources": "one,two"},
        {"variance": "0.5"},
        {"engine": "tensorflow"},
        {"labels": "path"},
    ):
        other = DeploymentConfig.from_context({"stage": "dev", **context})
        assert job_parameters(other) != job_parameters(plain)
        assert run_of(other, **hashes) != run_of(plain, **hashes)


def test_every_option_that_the_job_offers_to_a_deploy_is_a_field_of_its_own() -> None:
    """With the default of the job's own table; none is offered that a deploy could not set."""
    offered = {option.name: option.default for option in RunOptions.table(DEPLOY)}
    config = DeploymentConfig()
    assert offered == {name: getattr(config, name) for name in offered}
    assert {"engine", "variance"} <= set(offered)


def test_names_follow_from_stage_and_id() -> None:
    """Step and cluster carry both; ids of constructs have the digest alone."""
    run = Run("dev", "harvest-1a2b3c4d5e6f")
    assert run.name == "fruit-features-dev-harvest-1a2b3c4d5e6f"
    assert run.name == run.prefix + run.id
    assert run.construct_suffix == "1a2b3c4d5e6f"
    assert run.results_uri("bucket") == "s3://bucket/runs"


def test_a_setting_of_fleets_or_idle_time_makes_another_cluster() -> None:
    """EMR refuses to change a cluster that has ended, so none is changed; other fields keep the name."""
    run = Run("dev", "harvest-1a2b3c4d5e6f")
    changes = (
        {},
        {"core_minimum": 3, "core_maximum": 3},
        {"task_maximum": 2},
        {"task_maximum": 0},
        {"task_maximum": 0, "core_maximum": 3},
        {"task_spot_share": 0.5},
        {"idle_timeout_minutes": 10},
    )
    names = [cluster_name(run, DeploymentConfig.from_context(change)) for change in changes]
    assert len(set(names)) == len(changes)
    assert all(name.startswith(f"{run.name}-") for name in names)
    assert cluster_name(run, DeploymentConfig(monthly_budget_usd=50, wait_for_run=False)) == names[0]
