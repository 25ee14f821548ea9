"""`fruit rehearse serve`: keep the rehearsal's AWS up, and say how to use it."""

import shlex
import signal
import sys
from pathlib import Path
from types import FrameType

import click

from rehearsal.emulator.process import Server
from rehearsal.errors import RehearsalError
from rehearsal.settings import DEFAULT_HOME, DEFAULT_REGION
from rehearsal.what_is_real import what_is_real


@click.command("serve")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port on which AWS answers.  [default: any free port]"
)
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_HOME,
    help="Folder of this rehearsal; two at once need a folder each.  [default: .cache/rehearsal/home]",
)
@click.option(
    "--region", default=DEFAULT_REGION, show_default=True, help="The AWS region in the printed environment."
)
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the environment into this file when AWS answers; removed when it stops.",
)
def serve_command(port: int | None, home: Path, region: str, env_file: Path | None) -> None:
    """Start AWS on this machine, print the environment to set, and keep it up until Ctrl-C.

    \b
    Example:
      fruit rehearse serve --port 4566 --env-file rehearsal.env
    """
    interrupt_on_sigterm()
    try:
        with Server(home, port=port, region=region) as server:
            exports = "".join(
                f"export {name}={shlex.quote(value)}\n" for name, value in server.environment.items()
            )
            if env_file:
                env_file.write_text(exports)
            print(exports + "\n" + what_is_real(), flush=True)
            print(f"{server.settings.endpoint}; log: {server.settings.log}; Ctrl-C stops it", file=sys.stderr)
            code = server.wait()
            raise RehearsalError(f"the emulator ended with exit code {code}: see {server.settings.log}")
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    finally:
        if env_file:
            env_file.unlink(missing_ok=True)


def interrupt_on_sigterm() -> None:
    """Let SIGTERM end this program as Ctrl-C does, with its clean-up."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
