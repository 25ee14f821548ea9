"""`fruit rehearse interrupt`: take a task node away, as Spot would."""

import json
import os
import urllib.error
import urllib.request

import click

from rehearsal.errors import RehearsalError

# As rehearsal.emulator.control answers it; importing that would start the emulator.
PATH = "/_rehearsal/interrupt"
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
    secret = os.environ.get("AWS_SECRET_ACCESS_KEY", "")
    print(interrupt(os.environ.get("AWS_ENDPOINT_URL", ""), secret, cluster))


def interrupt(endpoint: str, secret: str, cluster: str | None) -> str:
    """Take a task node away at `endpoint`, and return the EC2 id of the instance that is lost.

    Raises:
        RehearsalError: no rehearsal answers, or it has no task node to take.
    """
    if not endpoint.startswith("http://"):
        raise RehearsalError("AWS_ENDPOINT_URL names no rehearsal: set what `fruit rehearse serve` prints")
    body = json.dumps({"cluster": cluster}).encode()
    headers = {"Authorization": f"Bearer {secret}"}
    request = urllib.request.Request(endpoint + PATH, body, headers, method="POST")  # noqa: S310 - checked above
    # Proxies of the environment are for other hosts.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=SECONDS) as response:
            instance: str = json.load(response)["instance"]
            return instance
    except urllib.error.HTTPError as error:
        raise RehearsalError(_message(error)) from error
    except OSError as error:
        raise RehearsalError(
            f"no rehearsal answers at {endpoint}: start one with `fruit rehearse serve`"
        ) from error


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["message"])
    except (ValueError, KeyError):
        return f"{error.url} is no rehearsal: it answers {error.code}"
