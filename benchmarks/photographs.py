"""The photographs of a measurement: a folder of exactly so many, given or drawn."""

import os
import random
import re
import shutil
from pathlib import Path

from rehearsal.demo.photographs import write_archive
from spark_job.contract.image_names import IMAGE_EXTENSIONS

DRAWN_OF_A_KIND = 80


def photographs_in(folder: Path) -> list[Path]:
    """Return every photograph below a folder, in an order that mixes the classes and is always the same."""
    photographs = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_EXTENSIONS)
    random.Random(0).shuffle(photographs)  # noqa: S311 - no secret
    return photographs


def draw_photographs(folder: Path) -> list[Path]:
    """Draw the rehearsal's fruit, 100 x 100 pixels each; nothing is taken from anywhere."""
    write_archive(folder, views=DRAWN_OF_A_KIND)
    return photographs_in(folder)


def folder_of(count: int, source: list[Path], folder: Path) -> Path:
    """Make `folder` with `count` files CLASS/NUMBER.EXT; a shorter source is taken more than once.

    Hard links where the disk allows them, else copies.
    """
    for number in range(count):
        photograph = source[number % len(source)]
        label = re.sub(r"[^A-Za-z0-9_-]+", "-", photograph.parent.name)
        target = folder / label / f"{number:06}{photograph.suffix.lower()}"
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(photograph, target)
        except OSError:
            shutil.copyfile(photograph, target)
        target.read_bytes()  # every contender finds the files in the system's cache
    return folder
