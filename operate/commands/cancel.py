"""`fruit cancel`: end a step that waits or runs."""

import click

from operate.connection import Connection, connected
from operate.emr.steps import cancel_step, follow
from operate.errors import OperateError
from operate.printing import json_option, print_result, require_yes, say
from operate.runs.run_history import find_run
from operate.runs.watch import logs_of


@click.command("cancel")
@click.argument("run", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--wait", is_flag=True, help="Wait until it has ended; exit code 0 if it was cancelled.")
@json_option
@connected
def cancel_command(connection: Connection, /, run: str | None, yes: bool, wait: bool, as_json: bool) -> None:
    """Cancel RUN (run id or step id; default: the latest step) while it waits or runs.

    A cluster that was started for the run ends with it. What the run has done stays: `fruit submit --resume`
    with the same options continues it.

    \b
    Example:
      fruit cancel run-1a2b3c4d5e6f --wait
    """
    emr = connection.client("emr")
    cluster, step = find_run(connection, run)
    if not step.active:
        raise OperateError(f"step {step.id} ({step.name}) is {step.state} already: nothing to cancel")
    require_yes(f"Cancel step {step.id} ({step.name}, {step.state})?", "not cancelled", yes=yes)
    cancel_step(emr, cluster.id, step.id)
    say(f"cancelling step {step.id} ({step.name})")
    if wait:
        step = follow(emr, cluster.id, step.id, say)
        if step.state != "CANCELLED":
            uri = logs_of(connection, cluster.id, step.id).step_uri
            raise OperateError(f"step {step.id} ({step.name}) ended as {step.state}; logs {uri}")
    facts = {"step_id": step.id, "name": step.name, "state": step.state}
    print_result(facts, f"step {step.id} is to be cancelled", as_json=as_json)
