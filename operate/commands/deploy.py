"""`fruit deploy`: from a configuration to a finished run on a new cluster."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from infra.artifacts.build import build
from infra.artifacts.catalogue import recipes
from infra.checkout import ROOT
from infra.commands.context_option import context_option
from infra.commands.plan import print_plan
from infra.config.deployment import DeploymentConfig
from infra.contract.names import stack_name
from operate.cdk import assembly_of, run_cdk, synthesise
from operate.commands.doctor import examine, text_of_check
from operate.commands.upload import upload_folder
from operate.connection import Connection, connected
from operate.errors import OperateError
from operate.next_steps import next_steps
from operate.printing import print_result, require_yes, say
from operate.removal.deployed_resources import deployed_stacks, end_protection
from operate.runs.watch import Watch, watching
from operate.s3.photographs import require_photographs


@dataclass(frozen=True)
class DeployRequest:
    """What to deploy: fields of the configuration, and photographs to upload before the run."""

    context: Mapping[str, str]
    images: Path | None = None
    yes: bool = False


@click.command("deploy")
@click.option(
    "--images",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Upload these photographs before the run.",
)
@context_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@connected
def deploy_command(connection: Connection, images: Path | None, context: dict[str, str], yes: bool) -> None:
    """Build what the cluster runs, check the account, show the plan, ask, deploy, and wait for the run.

    Exit code 1 if the deploy or its run fails. An unchanged deploy changes nothing.

    \b
    Example:
      fruit deploy --stage=prod --images photographs -c task_maximum=8
    """
    next_commands = deploy(connection, DeployRequest(context, images, yes))
    print_result({"next": next_commands}, next_commands, as_json=False)


def deploy(connection: Connection, request: DeployRequest) -> str:
    """Deploy the stage and return what it made and which commands come next.

    Raises:
        ConfigError: a field cannot be used.
        OperateError: the account is not ready, the answer is no, or the deploy or its run failed.
    """
    connection, config = connection.configured(request.context)
    if request.images:
        require_photographs(request.images, all_files=False)
    build(recipes(config).values(), ROOT / "dist", say)
    require_ready(connection, config)
    context = connection.context(request.context)
    print_plan(context, stderr=True)
    require_yes("Deploy this?", "not deployed", yes=request.yes)
    synthesise(assembly_of(connection.stage), context)
    return _deploy(connection, request.images)


def require_ready(connection: Connection, config: DeploymentConfig) -> None:
    """Check the account, and show each finding. Raises OperateError where one would stop a deploy."""
    checks = list(examine(connection, config))
    for check in checks:
        say(text_of_check(check))
    if any(check.state == "failed" for check in checks):
        raise OperateError(f"the account is not ready for {config.stage}: see what failed above")


def _deploy(connection: Connection, images: Path | None) -> str:
    stage, assembly = connection.stage, assembly_of(connection.stage)
    outputs = assembly.with_name(f"outputs-{stage}.json")
    deploy_stacks = partial(run_cdk, "deploy", assembly)
    cloudformation = connection.client("cloudformation")
    end_protection(cloudformation, deployed_stacks(cloudformation, stage), failed_only=True)
    if images:
        # Photographs need their bucket, and the run, which the pipeline starts, needs the photographs.
        before = [stack_name(stage, "storage"), stack_name(stage, "monitoring")]
        deploy_stacks([*before, "--exclusively", "--require-approval=never"])
        upload_folder(connection, images)
    # Its own connection: the deployment that this one knows may have no stacks yet.
    with watching(Watch(Connection(stage, connection.region), say)):
        deploy_stacks(["--all", "--require-approval=never", f"--outputs-file={outputs}"])
    region = connection.context({}).get("region")
    return next_steps(stage, json.loads(outputs.read_text()), region)
