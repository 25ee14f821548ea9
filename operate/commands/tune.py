"""`fruit tune`: which executors and cores featurize images fastest, and at what price."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from infra.checkout import ROOT
from infra.config.deployment import DeploymentConfig
from infra.costs.cost import rate_table
from operate.connection import FILE, FOLDER, Connection, connected, context_option, stage_configuration
from operate.emr.clusters import list_nodes, most_nodes
from operate.errors import OperateError
from operate.printing import json_option, print_result, require_yes, say, table
from operate.submission.place import find_place, require_images
from operate.submission.preparation import image_uris
from operate.tuning.figures import machine
from operate.tuning.measuring import Trial, check_room, plan, run_all, submissions
from spark_job.contract.errors import FruitError, MisuseError
from spark_job.contract.manifest import write_json
from spark_job.contract.tuning import Tuning

COLUMNS = ("executors", "cores", "images", "seconds", "images/s", "speed-up", "efficiency", "USD/million")
# Writes the report's run folder: tuning, folder of all results, run id -> URI of the report's page.
ReportWriter = Callable[[Tuning, str, str], str]
Command = TypeVar("Command", bound=Callable[..., Any])


def numbers_of(_context: click.Context, _option: click.Parameter, text: str) -> tuple[int, ...]:
    """Return the numbers of `1,2,4`: whole ones from 1, each once, the smallest first."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise click.BadParameter(f"{text!r} is no list of whole numbers such as 1,2,4")
    return tuple(sorted({int(part) for part in parts}))


@dataclass(frozen=True, kw_only=True)
class TuningRequest:
    """What to measure, and where the results go."""

    images: tuple[str, ...] = ()  # image sources, as `fruit submit` takes them; empty: all
    executors: tuple[int, ...]
    cores: tuple[int, ...]  # of each executor
    sample: int  # images of each run, at most
    results: Path  # the folder in which the report's run folder is made
    configuration: Path | None = None  # the cdk.json that the recommendation goes into; None: the checkout's
    context: Mapping[str, str] = field(default_factory=dict)  # fields of the configuration
    dry_run: bool = False
    yes: bool = False
    as_json: bool = False


def measuring_options(*, numbers: str, sample: int) -> Callable[[Command], Command]:
    """Return what gives a command its options of what to measure, with these defaults."""
    counts: Any = {"callback": numbers_of, "metavar": "N,…", "default": numbers, "show_default": True}
    size: Any = {"type": click.IntRange(8), "default": sample, "show_default": True}

    def with_options(command: Command) -> Command:
        command = click.option("--sample", help="Images in each run, at most.", **size)(command)
        command = click.option("--cores", help="Numbers for each executor to try.", **counts)(command)
        return click.option("--executors", help="Numbers to try.", **counts)(command)

    return with_options


def make_tune_command(write_report: ReportWriter) -> click.Command:
    """Return the command; what writes its report is the job's, which operate does not know."""

    @click.command("tune")
    @click.argument("images", nargs=-1, metavar="[IMAGES]…")
    @measuring_options(numbers="1,2,4", sample=20_000)
    @click.option(
        "--results",
        type=FOLDER,
        default="results",
        show_default=True,
        metavar="DIR",
        help="Folder in which the run of the report is made.",
    )
    @click.option(
        "--configuration",
        type=FILE,
        metavar="FILE",
        help="Write the recommendation into this file.  [default: cdk.json]",
    )
    @context_option
    @click.option("--dry-run", is_flag=True, help="Show the steps and the estimate; submit nothing.")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @json_option
    @connected
    def tune_command(connection: Connection, /, **options: Any) -> None:
        """Run the job on one sample of IMAGES with each number of executors and cores, and recommend one.

        Each is a step of the live cluster; the baseline is one plain serial process. Writes tune.json and a
        report, and the recommendation into the configuration (fields `executors`, `executor_cores`).

        \b
        Example:
          fruit tune --executors=2,4,8 --cores=2,4 --sample=50000
        """
        tune(connection, TuningRequest(**options), write_report)

    return tune_command


def tune(connection: Connection, request: TuningRequest, write_report: ReportWriter) -> None:
    """Measure, print, write report and recommendation. Raises OperateError: no live cluster, failed step."""
    config = stage_configuration(connection.stage, connection.region, request.context)
    uris = image_uris(connection.deployment, request.images)
    place = find_place(connection, uris)
    cluster_id = place.live_cluster.id
    require_images(place)
    trials = plan(request.executors, request.cores, min(request.sample, place.listing.files))
    emr = connection.client("emr")
    nodes = most_nodes(emr, cluster_id) or max(len(list_nodes(emr, cluster_id)) - 1, 1)
    check_room(trials, config, nodes)
    name = f"tune-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    say(estimate_sentence(trials, config, nodes))
    runs = submissions(trials, place, config, name)
    if request.dry_run:
        words = [list(run.arguments) for run in runs]
        print_result(words, "\n".join(run.run_id for run in runs), as_json=request.as_json)
        return
    require_yes(f"Submit these {len(runs)} steps?", "not submitted", yes=request.yes)
    tuning = run_all(connection, cluster_id, trials, runs, config)
    file = request.configuration or ROOT / "cdk.json"
    if tuning.recommended:
        configure(file, connection.stage, tuning.configuration)
    report = _report(tuning, request.results, name, write_report)
    shown = table(COLUMNS, rows(tuning), right=COLUMNS)
    print_result({**tuning.as_json(), "report": report}, shown, as_json=request.as_json)
    say(conclusion(tuning, file, report))


def _report(tuning: Tuning, results: Path, name: str, write_report: ReportWriter) -> str:
    """Write the report and return its URI; without it, the measurements stay in a file."""
    try:
        return write_report(tuning, str(results), name)
    except FruitError as error:
        file = results / f"{name}.json"
        results.mkdir(parents=True, exist_ok=True)
        file.write_bytes(write_json(tuning.as_json()))
        raise OperateError(f"the report was not written, {file} holds the measurements: {error}") from error


def estimate_sentence(trials: Sequence[Trial], config: DeploymentConfig, nodes: int) -> str:
    """Return what the tuning will take and cost at most, with the source."""
    rates, cost = rate_table(), machine(config)
    rate = rates["images_per_second_per_vcpu"][config.model]
    trial_seconds = [trial.images / rate / (trial.executors * trial.cores) for trial in trials]
    serial = trials[0].images / rate
    besides = (len(trial_seconds) + 1) * rates["run_minutes_besides_images"]
    minutes = besides + (sum(trial_seconds) + serial) / 60
    dollars = cost.usd(nodes * cost.vcpu, minutes * 60)
    return (
        f"{len(trial_seconds) + 1} steps of up to {trials[0].images:,} images, about "
        f"{minutes:.0f} minutes, at most {dollars:.2f} USD with all {nodes} nodes on demand; "
        f"rates of {rates['date']} (infra/costs/rates.json)"
    )


def rows(tuning: Tuning) -> list[tuple[str, ...]]:
    """Return the table's rows: the serial process, the grid, the smaller sizes."""
    seconds, rate = tuning.serial_seconds, tuning.images / tuning.serial_seconds
    first = ("serial", "1", f"{tuning.images:,}", f"{seconds:.1f}", f"{rate:.1f}", "1.00", "100 %", "")
    points = [
        (
            str(point.executors),
            str(point.cores),
            f"{point.images:,}",
            f"{point.seconds:.1f}",
            f"{point.images_per_second:.1f}",
            f"{point.speed_up:.2f}",
            f"{point.efficiency:.0%}",
            f"{point.usd_per_million_images:.2f}",
        )
        for point in dict.fromkeys((*tuning.grid, *tuning.sizes))
    ]
    return [first, *points]


def conclusion(tuning: Tuning, file: Path, report: str) -> str:
    """Return what is recommended and where it is written, or why nothing is."""
    best, fields = tuning.recommended, tuning.configuration.items()
    if best is None:
        return f"{tuning.too_small}\nreport: {report}"
    return (
        f"recommended: {best.executors} executors x {best.cores} cores, "
        f"{best.images_per_second:.0f} images/s, {best.usd_per_million_images:.2f} USD per million images; "
        f"written to {file} (CONTEXT='{' '.join(f'-c {name}={value}' for name, value in fields)}')\n"
        f"report: {report}"
    )


def configure(file: Path, stage: str, fields: Mapping[str, int]) -> None:
    """Write fields of a stage into a cdk.json; the rest stays. Raises MisuseError: it is no such file."""
    try:
        content: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        content.setdefault("context", {}).setdefault("stages", {}).setdefault(stage, {}).update(fields)
    except (ValueError, AttributeError) as error:
        raise MisuseError(f"{file} is no cdk.json: {error}") from error
    file.write_text(json.dumps(content, indent=2) + "\n")
