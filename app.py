"""The program that `cdk` runs: it synthesises the stacks of one stage, or says in one line what is wrong."""

import sys

from infra.application import build_app
from infra.errors import InfraError


def main() -> int:
    """Synthesise, and return the exit code: 2 when the configuration cannot be used."""
    try:
        build_app().synth()
    except InfraError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
