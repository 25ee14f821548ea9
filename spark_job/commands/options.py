"""`options`: the table of the options of `run` in Markdown, as the README has it."""

from pathlib import Path

import click

from spark_job.contract.errors import MisuseError
from spark_job.contract.options import Option
from spark_job.contract.run_options import RunOptions

BEGIN, END = "<!-- options:begin -->", "<!-- options:end -->"


@click.command("options")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def options_command(file: Path) -> None:
    """Write the table of the options of `run` into FILE, between its markers.

    \b
    Example:
      python -m spark_job options README.md
    """
    file.write_text(with_table(file.read_text(), RunOptions))
    print(f"{file}: the options of `run` are written")


def with_table(text: str, table: type[RunOptions]) -> str:
    """Return a Markdown text with the table between its two markers.

    Raises:
        MisuseError: the text has no markers.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise MisuseError(f"the file has no place for the table: write {BEGIN} and {END} into it")
    rows = ["| option | meaning | default |", "|---|---|---|", *map(_row, table.table())]
    return "\n".join([before + begin, *rows, end + after])


def _row(option: Option) -> str:
    word = option.declaration.replace("/", " / ")
    value = "" if option.kind is bool else f" {option.placeholder}"
    shown = f"{word}{value}".replace("|", "\\|")
    return f"| `{shown}` | {option.help} | {'required' if option.required else option.default_text} |"
