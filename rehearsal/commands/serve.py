"""`fruit rehearse serve`: keep the rehearsal's AWS up, and say how to use it."""

import signal
import sys
from pathlib import Path

import click

from operate.connection import FILE, FOLDER
from rehearsal.emulator.process import Server
from rehearsal.errors import RehearsalError
from rehearsal.full_run.programs import exported
from rehearsal.settings import DEFAULT_HOME, DEFAULT_REGION, PEOPLE
from rehearsal.what_is_real import what_is_real

ALL_ALLOWED = "No permissions are checked (--no-auth): whoever has these keys may do everything."


@click.command("serve")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port on which AWS answers.  [default: any free port]"
)
@click.option(
    "--home",
    type=FOLDER,
    default=DEFAULT_HOME,
    help="Folder of this rehearsal; two at once need a folder each.  [default: .cache/rehearsal/home]",
)
@click.option(
    "--region", default=DEFAULT_REGION, show_default=True, help="The AWS region in the printed environment."
)
@click.option(
    "--env-file",
    type=FILE,
    metavar="FILE",
    help="Write the environment into this file when AWS answers; removed when it stops.",
)
@click.option("--no-auth", is_flag=True, help="Check no permissions: whoever has the keys may do everything.")
def serve_command(port: int | None, home: Path, region: str, env_file: Path | None, no_auth: bool) -> None:
    """Start AWS on this machine, print the environment to set, and keep it up until Ctrl-C.

    The environment is the deployer's, who has the policy docs/policies/deployer.json. HOME/people holds
    those of other people.

    \b
    Example:
      fruit rehearse serve --port 4566 --env-file rehearsal.env
    """
    interrupt_on_sigterm()
    try:
        with Server(home, port=port, region=region, checks_permissions=not no_auth) as server:
            exports = exported(server.settings.client_environment())
            if env_file:
                env_file.write_text(exports)
            people = server.settings.home / "people"
            people.mkdir(mode=0o700, exist_ok=True)
            for person in PEOPLE:
                (people / person).write_text(exported(server.settings.client_environment(person)))
            print(exports + "\n" + (ALL_ALLOWED if no_auth else what_is_real()), flush=True)
            print(f"{server.settings.endpoint}; log: {server.settings.log}; Ctrl-C stops it", file=sys.stderr)
            code = server.process.wait()
            raise RehearsalError(f"the emulator ended with exit code {code}: see {server.settings.log}")
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    finally:
        if env_file:
            env_file.unlink(missing_ok=True)


def interrupt_on_sigterm() -> None:
    """Let SIGTERM end this program as Ctrl-C does, with its clean-up."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
