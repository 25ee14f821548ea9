"""`fruit tune`: which executors and cores featurize images fastest, and at what price."""

from datetime import UTC, datetime
from pathlib import Path

import click

from infra.checkout import ROOT
from infra.commands.context_option import context_option
from infra.contract import outputs
from operate.configuration import stage_configuration
from operate.connection import Connection, connected
from operate.emr.clusters import most_nodes
from operate.emr.nodes import list_nodes
from operate.emr.steps import list_steps
from operate.number_list import NumberList
from operate.printing import json_option, print_result, require_yes, say, table
from operate.submission.live_place import Place, live_place, require_images
from operate.submission.submission import DeployedJob
from operate.submission.submission_checks import image_uris
from operate.tuning.report import COLUMNS, conclusion, estimate_sentence, rows, write_report
from operate.tuning.results import configure, machine, place_of
from operate.tuning.run import run_all
from operate.tuning.steps import Archive, check_room, plan, submissions


@click.command("tune")
@click.argument("images", nargs=-1, metavar="[IMAGES]…")
@click.option("--executors", type=NumberList(), default="1,2,4", show_default=True, help="How many.")
@click.option("--cores", type=NumberList(), default="1,2,4", show_default=True, help="Of each executor.")
@click.option("--sample", type=click.IntRange(8), default=20_000, show_default=True, help="Images a point.")
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default="results",
    show_default=True,
    metavar="DIR",
    help="The report's run folder is made in it.",
)
@click.option(
    "--configuration",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the recommendation there.  [default: cdk.json]",
)
@context_option
@click.option("--dry-run", is_flag=True, help="Show the steps and the estimate; submit nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@connected
def tune_command(
    connection: Connection,
    /,
    images: tuple[str, ...],
    executors: tuple[int, ...],
    cores: tuple[int, ...],
    sample: int,
    results: Path,
    configuration: Path | None,
    context: dict[str, str],
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Run the job on one sample of IMAGES with each number of executors and cores, and recommend one.

    Each is a step of the live cluster; the baseline is one plain serial process. Writes tune.json and a
    report, and the recommendation into the configuration (fields `executors`, `executor_cores`).

    \b
    Example:
      fruit tune --executors=2,4,8 --cores=2,4 --sample=50000
    """
    config = stage_configuration(connection.stage, connection.region, context)
    place = live_place(connection, image_uris(connection.deployment, images), None, None, context)
    require_images(place)
    emr, planned = connection.client("emr"), plan(executors, cores, min(sample, place.listing.files))
    nodes = most_nodes(emr, place.cluster.id) or max(len(list_nodes(emr, place.cluster.id)) - 1, 1)
    check_room(planned.trials, config, nodes)
    name = f"tune-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    asked = list(
        submissions(planned, _deployed(connection, place), _archive(connection, place), config, name)
    )
    say(estimate_sentence(planned, config, nodes))
    if dry_run:
        print_result(
            [list(each.arguments) for each in asked], "\n".join(e.run_id for e in asked), as_json=as_json
        )
        return
    require_yes(f"Submit these {len(asked)} steps?", "not submitted", yes=yes)
    found = run_all(connection, place.cluster.id, planned, asked, machine(config))
    file = configuration or ROOT / "cdk.json"
    configure(file, connection.stage, found.configuration)
    told = found.tuning(place_of(config, place.cluster.id)).as_json()
    report = write_report(told, results, name)
    print_result({**told, "report": report}, table(COLUMNS, rows(found), right=COLUMNS), as_json=as_json)
    say(conclusion(found, file, report))


def _deployed(connection: Connection, place: Place) -> DeployedJob:
    deployment = connection.deployment
    steps = list_steps(connection.client("emr"), place.cluster.id)
    return DeployedJob.from_steps(steps, deployment.name_prefix + deployment.run_id)


def _archive(connection: Connection, place: Place) -> Archive:
    deployment = connection.deployment
    return Archive(
        images=place.images,
        results=deployment.results_uri,
        fingerprint=place.listing.fingerprint,
        extractor=deployment.of_pipeline(outputs.EXTRACTOR_URI),
        prefix=deployment.name_prefix,
    )
