"""The application as `cdk` and people run it: stacks of a stage, or one line of error."""

import json
import os
import subprocess
import sys

import pytest
from aws_cdk.cx_api import CloudAssembly
from click.testing import CliRunner

from fruit.command_line import cli
from infra.application import feature_flags
from infra.checkout import ROOT
from infra.config.deployment import DeploymentConfig
from infra.costs.plan import plan
from spark_job.command_line import run_command_line
from tests.infrastructure.synthesis import STAGES, Synthesis


def run(*command: str, **context: str) -> subprocess.CompletedProcess[str]:
    # What `cdk` sets, and nothing of AWS: no credentials, no region.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    environment["CDK_CONTEXT_JSON"] = json.dumps(context)
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.mark.command
def test_a_bad_field_stops_synth_with_one_line() -> None:
    """app.py prints `Error: …` to stderr and exits with 2; no traceback, nothing on stdout."""
    ended = run("app.py", colour="red")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "Error: colour=red: no such field; docs/deployment.md lists them all\n"


@pytest.mark.command
def test_app_synthesises_without_credentials() -> None:
    """app.py alone, with no AWS variable set, writes three stacks for the stage that it is told."""
    ended = run(
        "-c", "import app, sys; sys.exit(app.main())", stage="prod", **{"aws:cdk:version-reporting": "x"}
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_each_stage_has_three_stacks_in_its_region(stage: Synthesis) -> None:
    """storage, monitoring, pipeline, named by stage; the pipeline is the last one."""
    stacks = {stack.stack_name: stack for stack in CloudAssembly(str(stage.directory)).stacks}
    last = next(name for name in stacks if name.endswith("-pipeline"))
    prefix = last.removesuffix("pipeline")
    assert prefix in {f"fruit-features-{name}-" for name in STAGES}
    assert set(stacks) == {f"{prefix}{part}" for part in ("storage", "monitoring", "pipeline")}
    assert {stack.environment.region for stack in stacks.values()} == {"eu-west-3"}
    assert {stack.environment.account for stack in stacks.values()} == {"unknown-account"}
    before = {dependency.id for dependency in stacks[last].dependencies}
    assert {f"{prefix}{part}" for part in ("storage", "monitoring")} <= before


def test_stacks_of_prod_refuse_to_be_deleted(dev: Synthesis, prod: Synthesis) -> None:
    """`cdk destroy` and a click in the console are refused; `fruit destroy` ends the protection first."""
    for stacks, protected in ((dev, False), (prod, True)):
        of_stage = CloudAssembly(str(stacks.directory)).stacks
        assert [bool(stack.termination_protection) for stack in of_stage] == [protected] * 3


def test_flags_of_cdk_json_hold_wherever_the_app_is_built() -> None:
    """Tests and `cdk` synthesise with the same flags, and with nothing else of cdk.json."""
    flags = feature_flags()
    assert flags["@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy"] is True
    assert all(name.startswith("@aws-cdk/") for name in flags)


def test_idle_dev_costs_less_than_a_dollar_a_month(dev: Synthesis) -> None:
    """No key, no NAT, no address that is paid for while no cluster runs: alarms only."""
    reckoned = plan(DeploymentConfig(), [dev.json(part) for part in dev.files])
    assert set(reckoned.idle) <= {"AWS::CloudWatch::Alarm"}
    assert 0 < reckoned.idle_monthly < 1


def test_idle_prod_names_what_it_costs(prod: Synthesis) -> None:
    """Private subnets want a NAT, encryption a key: the plan counts both."""
    reckoned = plan(
        DeploymentConfig.from_context({"stage": "prod"}), [prod.json(part) for part in prod.files]
    )
    assert reckoned.idle["AWS::EC2::NatGateway"] > 30
    assert reckoned.idle["AWS::KMS::Key"] >= 1


def test_the_plan_is_a_command() -> None:
    """`fruit plan` prints tables; a bad field is one line and exit code 2."""
    shown = CliRunner().invoke(cli, ["plan", "-c", "expected_images=1000000"])
    assert shown.exit_code == 0
    assert "1,000,000 images" in shown.stdout


@pytest.mark.parametrize(
    ("pair", "line"),
    [
        ("core_minimum=1", "Error: core_minimum=1: allowed: a whole number, 2 to 100\n"),
        ("core_minimum=one", "Error: core_minimum=one: allowed: a whole number, 2 to 100\n"),
        ("core_minimum", "Error: -c=core_minimum: allowed: FIELD=VALUE\n"),
        ("max_hourly_cost_usd=0.5", "Error: max_hourly_cost_usd=0.5: the cluster at its largest costs "),
    ],
)
def test_a_plan_that_cannot_be_made_is_one_line(
    pair: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr, with exit code 2."""
    with pytest.raises(SystemExit) as ended:
        run_command_line(cli, ["plan", "-c", pair])
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.startswith(line)
