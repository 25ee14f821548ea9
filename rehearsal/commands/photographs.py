"""`photographs`: draw the demo's fruit into a folder."""

from pathlib import Path

import click

from rehearsal.demo.photographs import VIEWS, write_archive
from rehearsal.errors import RehearsalError


@click.command("photographs")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Folder to draw into."
)
@click.option(
    "--views", type=click.IntRange(1), default=VIEWS, show_default=True, help="Pictures of each kind."
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Another seed draws other fruit."
)
def photographs_command(out: Path, views: int, seed: int) -> None:
    """Draw fruit on white, 100x100, in the layout of Fruits-360.

    \b
    Example:
      fruit rehearse photographs --out photographs
    """
    try:
        count = write_archive(out, views=views, seed=seed)
    except OSError as error:
        raise RehearsalError(f"{out} cannot be written: {error.strerror}; give another --out") from error
    print(f"{out}: {count:,} photographs")
