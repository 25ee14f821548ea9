"""`fruit forget`: every trace of some images, found, shown, and removed after a question."""

import getpass
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from fruit.places import BEGUN, DONE, Place, Record, now, place_of
from infra.contract.prefixes import EMR_LOGS, RUNS
from infra.costs.prices import request_price
from infra.launch.checks import ACTIVE_STEPS
from operate.connection import Connection, connected
from operate.erasure import versions as s3_versions
from operate.errors import OperateError
from operate.printing import json_option, print_result, require_yes, say
from operate.runs.run_history import run_history
from operate.s3.objects import list_objects
from spark_job.contract.erasure import RECORDS, TOMBSTONES, Tombstones, Wanted
from spark_job.contract.errors import MisuseError
from spark_job.contract.uris import is_s3, last_name, normalise
from spark_job.erasure.runs import RunTraces, find_traces, images_given_by, models, remove_traces
from spark_job.storage import Folder, read_bytes


@dataclass
class Found:
    """Every trace of the images; `files` are photographs on this machine, `photographs` lie in buckets."""

    runs: dict[str, list[RunTraces]]
    photographs: list[s3_versions.Version]
    files: list[str]
    logs: list[s3_versions.Version]

    @property
    def traces(self) -> list[RunTraces]:
        return [trace for traces in self.runs.values() for trace in traces]

    @property
    def models(self) -> list[dict[str, Any]]:
        return [model for traces in self.runs.values() for model in models(traces)]

    @property
    def counts(self) -> dict[str, int]:
        counts = {
            "versions_of_photographs": len(self.photographs),
            "photographs_on_this_machine": len(self.files),
            "runs": len(self.traces),
            "rows": sum(sum(trace.rows.values()) for trace in self.traces),
            "logs": len(self.logs),
        }
        return {kind: number for kind, number in counts.items() if number}

    def plan(self, models: str) -> Iterable[str]:
        """Yield a line for each place, and what becomes of the models."""
        by_bucket = Counter(one.bucket for one in self.photographs)
        yield from (f"  {bucket}: {number:,} versions and markers" for bucket, number in by_bucket.items())
        by_folder = Counter(str(Path(path).parent) for path in self.files)
        yield from (f"  {folder}: {number:,} files of this machine" for folder, number in by_folder.items())
        yield from (f"  {trace.plan()}" for trace in self.traces)
        yield from (f"  {one.uri}: the log, which names one" for one in self.logs)
        for model in self.models:
            of = f" of {model['of']:,}" if model["of"] else ""
            yield (
                f"{models}: the {model['kind']} of {model['run']}, fitted with {model['images']:,}{of} "
                "images; it holds none of them, and owes them nothing once --refit has fitted it again"
            )


@click.command("forget")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option(
    "--list",
    "listed",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Forget the images of this file, one a line.",
)
@click.option("--source", metavar="NAME", help="Images of this source alone; without IMAGE, all of them.")
@click.option("--contributor", metavar="ID", help="Forget what this person gave, and bar it from now on.")
@click.option(
    "--results", multiple=True, metavar="FOLDER", help="Look into this folder of runs too; repeatable."
)
@click.option("--local", is_flag=True, help="Look into the folders of --results alone, not on AWS.")
@click.option(
    "--refit",
    is_flag=True,
    help="Fit the models that records name again, here, without what is gone; without IMAGE, only that.",
)
@click.option("--dry-run", is_flag=True, help="Only show what there is.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@connected
def forget_command(
    connection: Connection,
    images: tuple[str, ...],
    listed: Path | None,
    source: str | None,
    contributor: str | None,
    results: tuple[str, ...],
    local: bool,
    refit: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Forget images: remove photographs, rows, reports and logs; show what there is, and ask first.

    IMAGE is a key in the image sources, or what keys begin with if it ends in `/`; or an address, as s3://…
    or a path on this machine. Later uploads and runs pass the same photographs over, whatever their names.
    On AWS it needs the policy privacy-officer (docs/deployment.md#permissions).

    \b
    Example:
      fruit forget Banana/7.jpg
      fruit forget people/jane/ --results=results --refit
      fruit forget photographs/Banana/7.jpg --local --results=results
    """
    place = place_of(connection, results, local=local)
    names = [*images, *(listed.read_text().splitlines() if listed else ())]
    if place.connection:
        _refuse_running(connection)
    if refit and not (names or source or contributor):
        answer: dict[str, Any] = {"fitted_again": fit_models_again(place, dry_run=dry_run, yes=yes)}
        print_result(answer, f"{len(answer['fitted_again']):,} runs fitted again", as_json=as_json)
        return
    wanted = wanted_of(place, [name for name in names if name.strip()], source, contributor)
    if place.connection:
        say(expected_requests(place, connection, contributor))
    if contributor:
        given = {path for folder in place.results for path in images_given_by(folder, contributor)}
        for bucket in set(place.images.values()):
            given |= s3_versions.given_by(place.s3, bucket, contributor)
        wanted = Wanted(wanted.paths | given, wanted.prefixes)
    found = find(place, wanted)
    unfinished = [record for record in place.records() if record.state == BEGUN]
    for line in found.plan("fitted again" if refit else "stays"):
        say(line)
    asked = f"{len(names):,} names" if names else "a contributor" if contributor else "a source"
    answer = {"found": found.counts, "models": found.models, "record": None}
    text = (
        "nothing of it is found: there is nothing to do; if it was not forgotten before, check the name: "
        "a key in the sources or, with --local, a path on this machine"
    )
    is_new = contributor and not all(one.has_contributor(contributor) for one in place.tombstones())
    there = found.counts or unfinished or is_new
    if there and dry_run:
        text = "nothing was changed"
    elif there:
        require_yes("Forget all this? It cannot be undone.", "nothing was forgotten", yes=yes)
        record = forget(place, found, wanted, asked, contributor, unfinished)
        answer["record"] = place.erasures[0].child(RECORDS, f"{record.id}.json")
        text = f"forgotten; record {answer['record']}\nnext: look again with fruit audit --erased={record.id}"
    if refit and not dry_run:
        answer["fitted_again"] = fit_models_again(place, yes=True)
    print_result(answer, text, as_json=as_json)


def fit_models_again(place: Place, *, dry_run: bool = False, yes: bool) -> list[str]:
    """Fit again, on this machine, the models that were fitted with images which are gone.

    Returns:
        URIs of the runs that owe nothing to such images now, those that were made with such a model included.
    """
    from spark_job.erasure.refitting import fit_again
    from spark_job.session import open_session

    done = list[str]()
    models = [one for record in place.records() for one in record.models if "fitted_again" not in one]
    owing = {str(model["uri"]) for model in models if "uri" in model}
    for results in place.results:
        there = {Folder(results).child(name) for name in Folder(results).folder_names()}
        left = {last_name(uri) for uri in owing & there}
        for name in sorted(left):
            say(f"  {name}: to be fitted again, of the features that are left")
        if left and not dry_run:
            require_yes("Fit these again, and what is made with them?", "nothing was fitted", yes=yes)
            done += fit_again(results, left, lambda: open_session("fruit forget"), say)
    place.remove_overwritten(done)
    for record in place.records() if done else ():  # as they are now: fitting takes its time
        place.write(record.fitted_again(done))
    return done


def _refuse_running(connection: Connection) -> None:
    running = sorted(name for name, run in run_history(connection).items() if run.state in ACTIVE_STEPS)
    if running:
        raise OperateError(
            f"{', '.join(running)}: under way, and would write the images again; wait for the end, "
            f"or {connection.command('cancel', running[0])}"
        )


def wanted_of(place: Place, names: Sequence[str], source: str | None, contributor: str | None) -> Wanted:
    """Return the images that these names mean. Raises MisuseError: nothing is named."""
    roots = [""]
    if place.connection:
        deployment = place.connection.deployment
        chosen = [deployment.images_bucket(source)] if source else deployment.images_buckets.values()
        roots = [f"s3://{bucket}/" for bucket in chosen]
    elif source:
        raise MisuseError("--source: only a deployment has sources; name a folder, with / at its end")
    if contributor and (names or source):
        raise MisuseError("--contributor stands alone: without IMAGE, --list and --source")
    if not names and source:
        return Wanted(prefixes=tuple(roots))
    if not names and not contributor:
        raise MisuseError("nothing to forget is named: give IMAGE, --list, --source or --contributor")
    paths: list[str] = []
    for name in names:
        if "://" in name or name.startswith("/") or roots == [""]:
            paths.append(normalise(name) + "/" * name.endswith("/"))
        else:
            paths += [root + name for root in roots]
    return Wanted(
        frozenset(path for path in paths if not path.endswith("/")),
        tuple(path for path in paths if path.endswith("/")),
    )


def expected_requests(place: Place, connection: Connection, contributor: str | None) -> str:
    """Return a line: how many requests the search takes, and what they cost."""
    deployment = connection.deployment
    results = [one.key for one in list_objects(place.s3, deployment.results_bucket, f"{RUNS}/")]
    logs = sum(1 for _ in list_objects(place.s3, deployment.logs_bucket, f"{EMR_LOGS}/"))
    tables = sum(key.endswith(".parquet") for key in results)
    reads = 2 * tables + logs
    if contributor:
        reads += sum(1 for bucket in place.images for _ in list_objects(place.s3, bucket, ""))
    lists = (len(results) + logs) // 500 + 1
    usd = request_price(reads=reads, lists=lists)
    looked = f"{tables:,} parts of tables and {logs:,} logs"
    return f"looks into {looked}: about {reads + lists:,} requests, {usd:.4f} USD"


def find(place: Place, wanted: Wanted) -> Found:
    """Return every trace of the images."""
    runs = {results: find_traces(results, wanted) for results in place.results}
    photographs = []
    for bucket, of in place.images.items():
        photographs += s3_versions.find_versions(place.s3, bucket, wanted, of)
    files = {path for path in wanted.paths if not is_s3(path) and Path(path).is_file()}
    for folder in [Path(prefix) for prefix in wanted.prefixes if not is_s3(prefix)]:
        files |= {str(path) for path in folder.rglob("*") if path.is_file()}
    logs: list[s3_versions.Version] = []
    if place.connection:
        bucket, names = place.connection.deployment.logs_bucket, (*wanted.paths, *wanted.prefixes)
        logs = s3_versions.logs_naming(
            place.s3, bucket, EMR_LOGS, lambda text: any(name in text for name in names)
        )
    return Found(runs, photographs, sorted(files), logs)


def forget(
    place: Place, found: Found, wanted: Wanted, asked: str, contributor: str | None, stopped: Sequence[Record]
) -> Record:
    """Remove what was found; the photographs themselves last, so that a second call finds what is left."""
    digests = {digest for _, digest in s3_versions.content_digests(place.s3, found.photographs)}
    digests |= {Tombstones.digest(read_bytes(path)) for path in found.files}
    known, begun, here = place.tombstones(), now(), place.connection
    by = here.client("sts").get_caller_identity()["Arn"] if here else getpass.getuser()
    named = {*wanted.paths, *found.files, *(one.uri for one in found.photographs)}
    named.update(path for trace in found.traces for path in trace.images)
    record = Record(
        id="".join(letter for letter in begun if letter.isalnum())[:15],
        asked=asked,
        by=by,
        begun=begun,
        found=found.counts,
        runs=tuple(trace.run.uri for trace in found.traces),
        models=tuple(found.models),
        images=tuple(sorted(map(known[0].mark, named))),
        contents=tuple(sorted(map(known[0].mark, digests))),
    ).going_on(stopped)
    people = [contributor] if contributor else []
    for folder, tombstones in zip(place.erasures, known, strict=True):
        folder.write_json(TOMBSTONES, tombstones.adding(digests, people).to_json())
    place.write(record)
    for results, traces in found.runs.items():
        remove_traces(results, traces, wanted, say)
    place.remove_overwritten(record.runs)
    for bucket in place.images:
        s3_versions.stop_uploads(place.s3, bucket, wanted)
    s3_versions.remove_versions(place.s3, [*found.logs, *found.photographs])
    for path in found.files:
        Path(path).unlink()
    ended = replace(record, state=DONE, ended=now())
    place.write(ended)
    replaced = {f"{RECORDS}/{one.id}.json" for one in stopped if one.id != ended.id}
    place.erasures[0].clear(keep=lambda name: name not in replaced)
    return ended
