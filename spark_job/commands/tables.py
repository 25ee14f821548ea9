"""`tables`: the tables in documents that the code knows, written between their markers."""

from pathlib import Path

import click

from spark_job.contract.errors import MisuseError
from spark_job.contract.run_layout import PERSONAL_DATA
from spark_job.contract.run_options import RunOptions


@click.command("tables")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
def tables_command(files: tuple[Path, ...]) -> None:
    """Write the options of `run`, or what each file of a run holds, into FILES with markers for them.

    \b
    Example:
      python -m spark_job tables README.md docs/privacy.md
    """
    for file in files:
        file.write_text(with_tables(file.read_text()))
        print(f"{file}: written")


def with_tables(text: str, options: type[RunOptions] = RunOptions) -> str:
    """Return Markdown with the tables that it has markers for; MisuseError: no marker, or one without end."""
    rows = {
        "options": ["| option | meaning | default |", "|---|---|---|"],
        "files": ["| file | what of an image it holds |", "|---|---|"],
    }
    for one in options.table():
        value = "" if one.kind is bool else f" {one.placeholder}"
        shown = f"{one.declaration.replace('/', ' / ')}{value}".replace("|", "\\|")
        default = "required" if one.required else one.default_text
        rows["options"].append(f"| `{shown}` | {one.help} | {default} |")
    for row in PERSONAL_DATA:
        names = ", ".join(f"`{name}`" for name in row.files)
        command = "" if row.command == "run" else f" of `{row.command}`"
        rows["files"].append(f"| {names}{command} | {row.holds} |")
    marked = [name for name in rows if f"<!-- {name}:begin -->" in text]
    if not marked:
        raise MisuseError(
            "the file has no place for a table: write <!-- options:begin --> and <!-- options:end --> into "
            "it, or the same with `files`"
        )
    for name in marked:
        before, begin, rest = text.partition(f"<!-- {name}:begin -->")
        _, end, after = rest.partition(f"<!-- {name}:end -->")
        if not end:
            raise MisuseError(f"the file does not say where the table ends: write <!-- {name}:end -->")
        text = "\n".join([before + begin, *rows[name], end + after])
    return text
