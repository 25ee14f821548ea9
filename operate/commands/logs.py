"""`fruit logs`: what a step and its driver wrote."""

import re
import time
from collections import deque
from pathlib import Path

import click

from operate.connection import FOLDER, Connection, connected
from operate.emr.steps import COMPLETED, POLL_SECONDS, describe_step
from operate.errors import OperateError
from operate.printing import json_option, print_result, say
from operate.runs.logs import KINDS, Reader, download, nothing_yet
from operate.runs.run_history import find_run
from operate.runs.watch import LOGS_COME_WITHIN_SECONDS, failure, logs_of
from spark_job.contract.errors import MisuseError
from spark_job.contract.foreign_texts import terminal_text


@click.command("logs")
@click.argument("run", required=False)
@click.option("--cluster", "cluster_id", metavar="ID", help="Look at this cluster alone.")
@click.option(
    "--file", "kinds", type=click.Choice(KINDS), multiple=True, help="Show this log only; repeatable."
)
@click.option("--tail", type=click.IntRange(1), metavar="N", help="Show the last N lines.")
@click.option("--grep", metavar="REGEX", help="Show only lines that match.")
@click.option("--follow", is_flag=True, help="Show new lines until the step ends; exit code 1 if it fails.")
@click.option("--download", "folder", type=FOLDER, help="Save into this folder.")
@json_option
@connected
def logs_command(
    connection: Connection,
    run: str | None,
    cluster_id: str | None,
    kinds: tuple[str, ...],
    tail: int | None,
    grep: str | None,
    follow: bool,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Show the logs of RUN (run id or step id; default: the latest step), of its driver or of spark-submit.

    \b
    Example:
      fruit logs --tail=50
      fruit logs run-1a2b3c4d5e6f --grep='rejected|Error'
    """
    try:
        pattern = re.compile(grep or "")
    except re.error as error:
        raise MisuseError(f"--grep {grep!r} is no regular expression: {error}") from error
    cluster, step = find_run(connection, run, cluster_id)
    logs = logs_of(connection, cluster.id, step.id)
    say(f"step {step.id} ({step.name}) {step.state}; logs {logs.step_uri}")
    reader = Reader(logs, kinds, pattern)
    if folder:
        paths = download(logs, folder, say)
        print_result({"step_id": step.id, "files": paths}, "\n".join(paths), as_json=as_json)
        return
    if follow:
        follow_logs(connection, cluster.id, reader, tail)
        return
    lines = list(deque(reader.new_lines(), maxlen=tail))
    if not reader.seen:
        raise OperateError(nothing_yet(logs))
    if as_json:
        print_result({"step_id": step.id, "lines": lines}, "", as_json=True)
        return
    for line in lines:  # letter for letter: a terminal's printer would see emoji in them
        print(terminal_text(line))


def follow_logs(connection: Connection, cluster_id: str, reader: Reader, tail: int | None) -> None:
    """Print lines until the step ended and its logs had time to arrive. Raises OperateError: it failed."""
    emr, step_id = connection.client("emr"), reader.logs.step_id
    first, waited = True, 0.0
    while True:
        step = describe_step(emr, cluster_id, step_id)
        lines = list(reader.new_lines(to_the_end=not step.active))
        for line in lines[-tail:] if first and tail else lines:
            print(terminal_text(line), flush=True)
        first = False
        has_driver = any("/containers/" in uri for uri in reader.seen)
        if not step.active and (has_driver or waited >= LOGS_COME_WITHIN_SECONDS):
            break
        waited += 0.0 if step.active else POLL_SECONDS
        time.sleep(POLL_SECONDS)
    if step.state != COMPLETED:
        raise OperateError(failure(step, reader.logs.step_uri))
    say(f"{step.name} {step.state}")
