"""`fruit deploy`: from a configuration to a finished run on a new cluster."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import click

from infra.artifacts.build import build, recipes
from infra.checkout import ROOT
from infra.config.deployment import DeploymentConfig
from infra.contract import outputs
from infra.contract.names import STACK_PARTS, stack_name
from operate.cdk import assembly_of, run_cdk, synthesise
from operate.commands.doctor import examine, text_of_check
from operate.commands.plan import print_plan
from operate.commands.upload import upload_folder
from operate.connection import Connection, connected, context_option
from operate.errors import OperateError
from operate.printing import print_result, require_yes, say
from operate.removal import deployed_stacks, end_protection
from operate.runs.watch import Watch, watching
from operate.s3.photographs import require_photographs


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
    """Check the account, build what the cluster runs, show the plan, ask, deploy, and wait for the run.

    Exit code 1 if the deploy or its run fails. An unchanged deploy changes nothing.

    \b
    Example:
      fruit deploy --stage=prod --images photographs -c task_maximum=8
    """
    next_commands = deploy(connection, context, images, yes=yes)
    print_result({"next": next_commands}, next_commands, as_json=False)


def deploy(connection: Connection, fields: Mapping[str, str], images: Path | None, *, yes: bool) -> str:
    """Deploy the stage and return what it made and which commands come next.

    Args:
        fields: of the configuration.
        images: photographs to upload before the run.

    Raises:
        ConfigError: a field cannot be used.
        OperateError: the account is not ready, the answer is no, or the deploy or its run failed.
    """
    connection, config = connection.configured(fields)
    if images:
        require_photographs(images, all_files=False)
    require_ready(connection, config)
    build(recipes(config).values(), ROOT / "dist", say)
    context = connection.context(fields)
    print_plan(context, stderr=True)
    require_yes("Deploy this?", "not deployed", yes=yes)
    synthesise(assembly_of(connection.stage), context)
    return _deploy(connection, images)


def require_ready(connection: Connection, config: DeploymentConfig) -> None:
    """Check the account, and show each finding. Raises OperateError where one would stop a deploy."""
    checks = list(examine(connection, config))
    for check in checks:
        say(text_of_check(check))
    if any(check.state == "failed" for check in checks):
        raise OperateError(f"the account is not ready for {config.stage}: see what failed above")


def _deploy(connection: Connection, images: Path | None) -> str:
    stage, assembly = connection.stage, assembly_of(connection.stage)
    told = assembly.with_name(f"outputs-{stage}.json")
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
        deploy_stacks(["--all", "--require-approval=never", f"--outputs-file={told}"])
    region = connection.context({}).get("region")
    return next_steps(stage, json.loads(told.read_text()), region)


def next_steps(stage: str, deployed: Mapping[str, Mapping[str, str]], region: str | None = None) -> str:
    """Return the text that ends a deploy: outputs of every stack, run id, commands.

    Args:
        deployed: Stack name to output name to value, as `--outputs-file` holds them.
        region: Given by `-c region=…` and not by cdk.json; the commands that follow need it as well.
    """
    lines = []
    for part in STACK_PARTS:
        name = stack_name(stage, part)
        lines += [name, *_aligned(deployed.get(name, {})), ""]
    values = {name: value for stack in deployed.values() for name, value in stack.items()}
    run = values.get(outputs.RUN_ID, "none")
    return "\n".join([*lines, f"run {run}", "", "next", *_aligned(_commands(stage, values, region))])


def _commands(stage: str, values: Mapping[str, str], region: str | None) -> dict[str, str]:
    where = f"--stage={stage}" + (f" --region={region}" if region else "")
    destroy = f"make destroy STAGE={stage}" + (f" CONTEXT='-c region={region}'" if region else "")
    source = values.get(outputs.IMAGE_SOURCES, "images").split(",")[0]
    run = values.get(outputs.RUN_ID, "RUN_ID")
    return {
        "upload images": f"fruit upload PHOTOGRAPHS --source={source} {where}",
        "run on them": f"fruit submit --wait {where}",
        "how it goes": f"fruit status {run} {where}",
        "what it says": f"fruit logs {run} {where}",
        "the results": f"fruit fetch {run} --to=results {where}",
        "tear down": destroy,
    }


def _aligned(pairs: Mapping[str, str]) -> list[str]:
    width = max(map(len, pairs), default=0)
    return [f"  {name:<{width}}  {value}" for name, value in pairs.items()]
