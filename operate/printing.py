"""Results on stdout, as a table for people or JSON for machines; progress on stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import click
from rich.console import Console, RenderableType
from rich.table import Table

from operate.errors import OperateError
from spark_job.contract.foreign_texts import terminal_text

# Outside a terminal a text has no width: rich would cut it at 80 characters.
PIPE_WIDTH = 1000
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def print_result(value: Any, text: RenderableType, *, as_json: bool) -> None:
    """Print the result of a command to stdout: `value` as JSON, or `text` for people."""
    if as_json:
        print(json.dumps(value, indent=2, default=_plain))
        return
    is_line = isinstance(text, str)
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    console = Console(width=width, highlight=False, emoji=False, soft_wrap=is_line, markup=False)
    console.print(terminal_text(text) if isinstance(text, str) else text)


def say(line: str) -> None:
    """Print one line of progress to stderr."""
    print(terminal_text(line), file=sys.stderr, flush=True)


def require_yes(question: str, refusal: str, *, yes: bool) -> None:
    """Ask on stderr, unless `yes` answers already. Raises OperateError with `refusal`: the answer is no."""
    try:
        agreed = yes or click.confirm(question, err=True)
    except click.Abort as stop:
        if not isinstance(stop.__context__, EOFError):  # Ctrl-C
            raise
        raise OperateError(f"{refusal}: there is nobody to ask; --yes does not ask") from None
    if not agreed:
        raise OperateError(refusal)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = (), title: str | None = None
) -> Table:
    """Return a plain table; the columns named in `right` hold numbers."""
    shown = Table(*(), title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name in columns:
        # A value that has no room goes on in the next line: an id cut short is of no use.
        shown.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*map(terminal_text, row))
    return shown


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
