"""`fruit destroy`: take a stage away, after saying what goes and what stays; then look for what is left."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from infra.contract.names import run_name_prefix
from operate import removal
from operate.cdk import assembly_of, run_cdk, synthesise
from operate.connection import FOLDER, Connection, connected, context_option
from operate.emr.clusters import LIVE, end_clusters, list_clusters
from operate.printing import json_option, print_result, require_yes, say

# Types that a person wants to see by name before they go.
WORTH_NAMING = ("AWS::S3::Bucket", "AWS::EMR::Cluster", "AWS::EC2::NatGateway", "AWS::KMS::Key")
Held = Mapping[str, removal.Contents]  # what buckets hold, by their names
HOLDING_NODES = (*LIVE, "TERMINATING")
BOOTSTRAP = "CDK's stack CDKToolkit with its bucket, and keys in their waiting period, are no part of this"


@click.command("destroy")
@click.option(
    "--assembly",
    type=FOLDER,
    metavar="DIR",
    help="Folder of the synthesised stacks.  [default: synthesise them into cdk.out/STAGE]",
)
@context_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@connected
def destroy_command(
    connection: Connection, /, assembly: Path | None, context: dict[str, str], yes: bool, as_json: bool
) -> None:
    """Take the stage's stacks away: say what goes and what stays, ask, then check that nothing is left.

    Exit code 1 if something is left that costs money. When nothing is deployed, the command succeeds.

    \b
    Example:
      fruit destroy --stage=prod
    """
    connection, _ = connection.configured(context)
    cloudformation = connection.client("cloudformation")
    stacks = removal.deployed_stacks(cloudformation, connection.stage)
    resources = removal.deployed_resources(cloudformation, connection.stage)
    if not stacks:
        say(f"nothing of {connection.stage} is deployed in {connection.region}: there is nothing to destroy")
    else:
        emr, ids = connection.client("emr"), {resource.id for resource in resources}
        started = list_clusters(emr, run_name_prefix(connection.stage))
        beside = [one for one in started if one.state in HOLDING_NODES and one.id not in ids]
        say(inventory(stacks, resources, removal.contents_of_buckets(connection.client("s3"), resources)))
        for one in beside:
            say(f"ends: cluster {one.id} ({one.name}, {one.state}), which was started for its run")
        require_yes(f"Destroy {connection.stage}?", "not destroyed", yes=yes)
        if assembly is None:
            assembly = assembly_of(connection.stage)
            synthesise(assembly, connection.context(context))
        removal.end_protection(cloudformation, stacks)
        end_clusters(emr, [cluster.id for cluster in beside])
        run_cdk("destroy", assembly, ["--all", "--force"])
    after = removal.search(connection, resources)
    stays = [resource for resource in resources if resource.stays]
    held = removal.contents_of_buckets(connection.client("s3"), stays)
    facts = {
        "stacks": stacks,
        "stays": [asdict(resource) for resource in stays],
        "left": [asdict(leftover) for leftover in after.leftovers],
        "not_looked_at": after.unknown,
    }
    print_result(facts, text_of_rest(connection.stage, stays, held, after), as_json=as_json)
    if after.leftovers:
        raise click.exceptions.Exit(1)


def inventory(stacks: Sequence[str], resources: Sequence[removal.Resource], held: Held) -> str:
    """Return what goes and what stays, as text for people."""
    lines = ["goes"]
    for stack in stacks:
        going = [resource for resource in resources if resource.stack == stack and not resource.stays]
        lines.append(f"  {stack}: {len(going)} resources")
        lines += [f"    {_named(resource, held)}" for resource in going if resource.type in WORTH_NAMING]
    return "\n".join([*lines, *_staying([resource for resource in resources if resource.stays], held)])


def text_of_rest(stage: str, stays: Sequence[removal.Resource], held: Held, after: removal.Search) -> str:
    """Return what is left, as text for people: what was to stay, and what should be gone."""
    lines = _staying(stays, held)
    lines += [f"not looked at: {kind}" for kind in after.unknown]
    if after.leftovers:
        lines += [f"LEFT: {one.kind} {one.id} ({one.state})" for one in after.leftovers]
        counts = Counter(leftover.kind for leftover in after.leftovers)
        kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        end = f"{kinds} still there and paid for; remove by hand or destroy again"
    else:
        end = f"nothing is left that is paid for but what stays. {BOOTSTRAP}"
    return "\n".join([*lines, f"{stage}: {end}"])


def _staying(stays: Sequence[removal.Resource], held: Held) -> list[str]:
    return ["stays", *(f"  {_named(resource, held)}" for resource in stays)] if stays else ["stays: nothing"]


def _named(resource: removal.Resource, held: Held) -> str:
    kind = resource.type.removeprefix("AWS::")
    return f"{kind} {resource.id}" + (f": {held[resource.id].sentence}" if resource.id in held else "")
