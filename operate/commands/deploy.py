"""`fruit deploy`: from a configuration to a finished run on a new cluster."""

import json
from collections.abc import Mapping
from pathlib import Path

import click

from infra.artifacts.build import build, recipes
from infra.checkout import ROOT
from infra.contract import outputs
from infra.contract.names import STACK_PARTS, stack_name
from operate.cdk import assembly_of, run_cdk, synthesise
from operate.commands.doctor import examine, text_of_check
from operate.commands.plan import print_plan
from operate.commands.upload import upload_folder
from operate.connection import PRESENT_FOLDER, Connection, connected, context_option
from operate.errors import OperateError
from operate.printing import print_result, require_yes, say
from operate.removal import deployed_stacks, end_protection
from operate.runs.watch import Watch, watching
from operate.s3.photographs import require_photographs


@click.command("deploy")
@click.option("--images", type=PRESENT_FOLDER, metavar="DIR", help="Upload these photographs before the run.")
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
    connection, config = connection.configured(context)
    if images:
        require_photographs(images, all_files=False)
    checks = list(examine(connection, config))
    for check in checks:
        say(text_of_check(check))
    if any(check.state == "failed" for check in checks):
        raise OperateError(f"the account is not ready for {config.stage}: see what failed above")
    build(recipes(config).values(), ROOT / "dist", say)
    fields = connection.context(context)
    print_plan(fields, stderr=True)
    require_yes("Deploy this?", "not deployed", yes=yes)
    stage, assembly = connection.stage, assembly_of(connection.stage)
    synthesise(assembly, fields)
    cloudformation = connection.client("cloudformation")
    end_protection(cloudformation, deployed_stacks(cloudformation, stage), failed_only=True)
    if images:
        # Photographs need their bucket, and the run, which the pipeline starts, needs the photographs.
        before = [stack_name(stage, "storage"), stack_name(stage, "monitoring")]
        run_cdk("deploy", assembly, [*before, "--exclusively", "--require-approval=never"])
        upload_folder(connection, images)
    told = assembly.with_name(f"outputs-{stage}.json")
    # Its own connection: the deployment that this one knows may have no stacks yet.
    with watching(Watch(Connection(stage, connection.region), say)):
        run_cdk("deploy", assembly, ["--all", "--require-approval=never", f"--outputs-file={told}"])
    text = next_steps(stage, json.loads(told.read_text()), connection.context({}).get("region"))
    print_result(None, text, as_json=False)


def next_steps(stage: str, deployed: Mapping[str, Mapping[str, str]], region: str | None = None) -> str:
    """Return the text that ends a deploy: outputs of every stack, as `--outputs-file` has them, and commands.

    They need a region as well that was given by `-c region=…` and not by cdk.json.
    """
    lines = []
    for part in STACK_PARTS:
        name = stack_name(stage, part)
        lines += [name, *_aligned(deployed.get(name, {})), ""]
    values = {name: value for stack in deployed.values() for name, value in stack.items()}
    run, source = values.get(outputs.RUN_ID), values.get(outputs.IMAGE_SOURCES, "images").split(",")[0]
    shown = run or "RUN_ID"
    where = f"--stage={stage}" + (f" --region={region}" if region else "")
    commands = {
        "upload images": f"fruit upload PHOTOGRAPHS --source={source} {where}",
        "run on them": f"fruit submit --wait {where}",
        "how it goes": f"fruit status {shown} {where}",
        "what it says": f"fruit logs {shown} {where}",
        "the results": f"fruit fetch {shown} --to=results {where}",
        "tear down": f"make destroy STAGE={stage}" + (f" CONTEXT='-c region={region}'" if region else ""),
    }
    return "\n".join([*lines, f"run {run or 'none'}", "", "next", *_aligned(commands)])


def _aligned(pairs: Mapping[str, str]) -> list[str]:
    width = max(map(len, pairs), default=0)
    return [f"  {name:<{width}}  {value}" for name, value in pairs.items()]
