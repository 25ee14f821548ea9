"""What `cdk` runs: synthesises the stacks of one stage, or says in one line what is wrong."""

import sys

from infra.application import build_app
from infra.errors import InfraError


def main() -> int:
    """The exit code: 2 when the configuration cannot be used."""
    try:
        build_app().synth()
    except InfraError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
