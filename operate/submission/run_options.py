"""The options of a run that `submit` passes on to the job, as arguments of one word each."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from operate.errors import MisuseError

Command = TypeVar("Command", bound=Callable[..., Any])

OPTIONS = (
    click.option(
        "--variance",
        type=click.FloatRange(0, 1, min_open=True),
        help="Keep the components that hold this share of the variance.  [default: the deployment's]",
    ),
    click.option("--components", type=click.IntRange(1), metavar="K", help="Keep K components instead."),
    click.option("--reduction", metavar="RUN", help="Apply the PCA of this earlier run instead of fitting."),
    click.option("--no-standardize", is_flag=True, help="Do not scale features to variance 1."),
    click.option("--classes", metavar="PATTERN,…", help="Only classes that match, as 'Apple*,Banana'."),
    click.option("--sample", type=click.IntRange(1), metavar="N", help="N images in all, balanced."),
    click.option("--sample-per-class", type=click.IntRange(1), metavar="N", help="At most N a class."),
    click.option("--seed", type=int, help="Decides which images a sample takes."),
    click.option("--precision", type=click.Choice(["f32", "bf16"]), help="bf16: faster, less exact."),
    click.option("--all-files", is_flag=True, help="Try every file, whatever its extension."),
)
# One decides how many components there are.
EXCLUSIVE = (("variance", "components", "reduction"), ("sample", "sample_per_class"))


def run_options(command: Command) -> Command:
    """The options; the function gets them by name."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def option_words(given: Mapping[str, Any]) -> tuple[str, ...]:
    """`--sample=100`, `--all-files`, … for what was given.

    Raises:
        MisuseError: two of them exclude each other.
    """
    for group in EXCLUSIVE:
        both = [_flag(name) for name in group if given.get(name) is not None]
        if len(both) > 1:
            raise MisuseError(f"{' and '.join(both)} exclude each other: give one")
    return tuple(
        _flag(name) if value is True else f"{_flag(name)}={value}"
        for name, value in given.items()
        if value is not None and value is not False
    )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
