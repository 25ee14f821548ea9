"""`fruit rehearse interrupt` and `set`: what happens to a rehearsal that is up, as AWS would do it."""

import json

import click

from rehearsal.asking import ask
from rehearsal.settings import CONDITIONS_PATH, INTERRUPT_PATH
from spark_job.contract.errors import MisuseError


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
    taken = ask(INTERRUPT_PATH, {"cluster": cluster})["instance"]
    print(f"{taken} is taken away; `fruit status` shows the nodes that are left")


@click.command("set")
@click.argument("settings", nargs=-1, metavar="[NAME=VALUE]...")
def set_command(settings: tuple[str, ...]) -> None:
    """Set what the account and AWS's delivery are like in the rehearsal that AWS_ENDPOINT_URL names.

    Without a setting it prints all of them; docs/rehearsal.md says what they mean.

    \b
    Example:
      fruit rehearse set spot_vcpu=8 event_copies=2
    """
    wanted = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        try:
            wanted[name] = json.loads(value)
        except ValueError as error:
            raise MisuseError(f"{setting}: write NAME=VALUE, the value a number, true or false") from error
    told = ask(CONDITIONS_PATH, wanted)
    print("\n".join(f"{name}={json.dumps(value)}" for name, value in told.items()))
