"""`fruit rehearse interrupt` and `set`: what happens to a rehearsal that is up, as AWS would do it."""

import json
import os
from typing import Any

import click
import urllib3

from rehearsal.errors import RehearsalError
from rehearsal.settings import CONDITIONS_PATH, INTERRUPT_PATH
from spark_job.contract.errors import MisuseError

SECONDS = 60.0


@click.command("interrupt")
@click.option(
    "--cluster", metavar="ID", help="Cluster of the node.  [default: the latest that has a task node]"
)
def interrupt_command(cluster: str | None) -> None:
    """Take a running task node away at once, in the rehearsal that AWS_ENDPOINT_URL names.

    \b
    Example:
      fruit rehearse interrupt --cluster j-2AXXXXXXGAPLF
    """
    print(_ask(INTERRUPT_PATH, {"cluster": cluster})["instance"])


@click.command("set")
@click.argument("settings", nargs=-1, metavar="[NAME=VALUE]...")
def set_command(settings: tuple[str, ...]) -> None:
    """Set what the account and AWS's delivery are like in the rehearsal that AWS_ENDPOINT_URL names.

    Without a setting it prints all of them; docs/rehearsal.md says what they mean.

    \b
    Example:
      fruit rehearse set spot_vcpu=8 event_copies=2
    """
    told = _ask(CONDITIONS_PATH, dict(_parsed(setting) for setting in settings))
    print("\n".join(f"{name}={json.dumps(value)}" for name, value in told.items()))


def _parsed(setting: str) -> tuple[str, Any]:
    name, _, value = setting.partition("=")
    try:
        return name, json.loads(value)
    except ValueError as error:
        raise MisuseError(f"{setting}: write NAME=VALUE, the value a number, true or false") from error


def _ask(path: str, question: dict[str, Any]) -> dict[str, Any]:
    """Ask the rehearsal of the environment. Raises RehearsalError: none answers, or it refuses."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    if not endpoint.startswith("http://"):
        raise RehearsalError("AWS_ENDPOINT_URL names no rehearsal: set what `fruit rehearse serve` prints")
    headers = {"Authorization": f"Bearer {os.environ.get('AWS_SECRET_ACCESS_KEY', '')}"}
    try:
        answer = urllib3.request(
            "POST", endpoint + path, json=question, headers=headers, timeout=SECONDS, retries=False
        )
    except urllib3.exceptions.HTTPError as error:
        raise RehearsalError(
            f"no rehearsal answers at {endpoint}: start one with `fruit rehearse serve`"
        ) from error
    try:
        told: dict[str, Any] = answer.json()
    except ValueError:
        told = {}
    if answer.status != 200:
        refusal = f"{endpoint}{path} is no rehearsal: it answers {answer.status}"
        raise RehearsalError(told.get("message", refusal))
    return told
