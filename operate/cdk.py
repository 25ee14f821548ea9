"""CDK's command line: synthesises the stacks of a stage into a folder, and works on that folder."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.checkout import ROOT
from operate.errors import OperateError

PROGRAM = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"
# Nothing but the stacks' own calls: no look for news, no reports.
QUIET = ("--no-notices", "--no-color")
STDERR = 2


def assembly_of(stage: str) -> Path:
    """Return the folder where `make synth` and `fruit deploy` put the stage's stacks."""
    return ROOT / "cdk.out" / stage


def cdk_program() -> list[str]:
    """Return the words that start CDK's command line. Raises OperateError: it or Node is not there."""
    if not PROGRAM.is_file():
        raise OperateError(f"CDK's command line is not there ({PROGRAM}): `make synth` installs it")
    node = shutil.which("node")
    if not node:
        raise OperateError("Node is not there: `make setup` installs it")
    return [node, str(PROGRAM)]


def cdk_words(command: str, assembly: Path, arguments: Sequence[str]) -> list[str]:
    """Return the words of `cdk COMMAND --app ASSEMBLY …`. Raises OperateError: something is not there."""
    if not (assembly / "manifest.json").is_file():
        raise OperateError(f"{assembly} holds no synthesised stacks: `make synth` makes them")
    return [*cdk_program(), command, *arguments, f"--app={assembly}", *QUIET]


def synthesise(assembly: Path, context: Mapping[str, str]) -> None:
    """Synthesise the stacks into a folder. Raises OperateError where they cannot be made."""
    fields = [f"--context={name}={value}" for name, value in context.items()]
    _run("synth", [*cdk_program(), "synth", "--quiet", f"--output={assembly}", *fields, *QUIET])


def run_cdk(command: str, assembly: Path, arguments: Sequence[str]) -> None:
    """Run CDK on a synthesised folder; what it says goes to stderr. Raises OperateError where it fails."""
    _run(command, cdk_words(command, assembly, arguments))


def _run(command: str, words: Sequence[str]) -> None:
    done = subprocess.run(words, cwd=ROOT, stdout=STDERR, check=False)
    if done.returncode:
        raise OperateError(f"cdk {command} failed with exit code {done.returncode}; it says why above")
