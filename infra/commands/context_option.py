"""The option `-c FIELD=VALUE`, which every command that needs a configuration takes."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from infra.checkout import cdk_json_context
from infra.config.context import context_of

Command = TypeVar("Command", bound=Callable[..., Any])


def _context(_context: click.Context, _option: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    return context_of(pairs)


def context_option(command: Command) -> Command:
    """Give the command `-c`; its parameter `context` is what was given, field to text."""
    return click.option(
        "-c",
        "--context",
        multiple=True,
        metavar="FIELD=VALUE",
        callback=_context,
        help="A field of the configuration, as `cdk -c` takes it; repeatable.",
    )(command)


def whole_context(context: dict[str, str]) -> dict[str, Any]:
    """Return what `cdk` would see: the context of cdk.json, and what was given on top of it."""
    return {**cdk_json_context(), **context}
