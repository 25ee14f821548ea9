"""`python -m rehearsal.demo`: demo fruit in a folder."""

import sys
import time
from pathlib import Path

import click

from rehearsal.demo.archive import VIEWS, write_archive


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Made if need be.",
)
@click.option(
    "--views", type=click.IntRange(1), default=VIEWS, show_default=True, help="Pictures of each kind."
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Decides how each is taken."
)
def main(out: Path, views: int, seed: int) -> None:
    """Draw fruit on white, 100x100, in the layout of Fruits-360.

    \b
    Example:
      python -m rehearsal.demo --out photographs
    """
    begun = time.monotonic()
    try:
        count = write_archive(out, views=views, seed=seed)
    except OSError as error:
        print(f"Error: {out} cannot be written: {error.strerror}; give another --out", file=sys.stderr)
        sys.exit(1)
    print(f"{out}: {count:,} photographs, {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main()
