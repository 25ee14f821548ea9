"""The command line of the build: `build` for people, and `file`, which CDK runs when it publishes assets."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from infra.artifacts.build import build, built_file, recipes
from infra.checkout import ROOT, cdk_json_context
from infra.config.context import context_of
from infra.config.deployment import DeploymentConfig
from infra.errors import InfraError

NAMES = ("job", "extractor", "wheelhouse", "installer")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0; 1 or, for misuse, 2 with one line that says what to do."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.artifacts",
        description="Build what the nodes of a deployment fetch, into dist/.",
        epilog="Example: python -m infra.artifacts build -c stage=prod",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="build what is not built yet")
    building.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="NAME", help=", ".join(NAMES))
    building.add_argument(
        "-c", "--context", action="append", default=[], metavar="FIELD=VALUE", help="as for cdk; repeatable"
    )
    telling = commands.add_parser("file", help="print the path of a built artifact, or fail")
    telling.add_argument("name", choices=NAMES)
    telling.add_argument("inputs", help="hash of what it must have been built from")
    for command in (building, telling):
        command.add_argument("--dist", type=Path, default=ROOT / "dist", help="folder of the build")
    options = parser.parse_args(arguments)
    try:
        if options.command == "file":
            print(built_file(options.dist, options.name, options.inputs))
        else:
            context = {**cdk_json_context(), **context_of(options.context)}
            chosen = recipes(DeploymentConfig.from_context(context))
            build([chosen[name] for name in options.names or NAMES], options.dist, partial(print, flush=True))
    except (InfraError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code if isinstance(error, InfraError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
