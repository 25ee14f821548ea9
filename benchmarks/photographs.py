"""What is measured: photographs of a folder, drawn fruit, or drawn fruit as a phone would photograph it."""

import os
import random
import re
import shutil
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from rehearsal.demo.photographs import draw_photographs, write_archive
from spark_job.contract.image_names import IMAGE_EXTENSIONS

DRAWN_OF_A_KIND = 80
PHONE_SIZE = (4032, 3024)  # width, height
# 1.9 MB a photograph, as phones make them: grain of two pixels, and a texture of sixteen.
GRAIN, TEXTURE, QUALITY = 9.0, 8.0, 90
ORIENTATION = 0x0112  # of Exif; 6: the phone stood upright


def photographs_in(folder: Path) -> list[Path]:
    """Return every photograph below a folder, in an order that mixes the classes and is always the same."""
    photographs = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_EXTENSIONS)
    random.Random(0).shuffle(photographs)  # noqa: S311 - no secret
    return photographs


def drawn_photographs(folder: Path) -> list[Path]:
    """Draw the rehearsal's fruit, 100 x 100 pixels each; nothing is taken from anywhere."""
    write_archive(folder, views=DRAWN_OF_A_KIND)
    return photographs_in(folder)


def phone_photographs(folder: Path) -> list[Path]:
    """Draw fruit as JPEGs of 12 megapixels, 4:2:0, with an Exif block, about 2 MB each."""
    generator = np.random.default_rng(0)
    exif = Image.Exif()
    for number, (name, drawn) in enumerate(draw_photographs(1, 0)):
        exif[ORIENTATION] = 6 if number % 2 else 1
        pixels = cv2.resize(drawn, PHONE_SIZE, interpolation=cv2.INTER_CUBIC).astype(np.float32)
        for strength, size in ((GRAIN, 2), (TEXTURE, 16)):
            coarse = generator.standard_normal((PHONE_SIZE[1] // size, PHONE_SIZE[0] // size), np.float32)
            noise = cv2.resize(coarse * strength, PHONE_SIZE, interpolation=cv2.INTER_LINEAR)
            pixels += noise[..., None]
        path = folder / name
        path.parent.mkdir(parents=True)
        image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        image.save(path, quality=QUALITY, subsampling="4:2:0", exif=exif)
    return photographs_in(folder)


def folder_of(count: int, source: list[Path], folder: Path) -> Path:
    """Make `folder` with `count` files CLASS/NUMBER.EXT; a shorter source is taken more than once.

    Hard links where the disk allows them, else copies.
    """
    for number, photograph in enumerate(islice(cycle(source), count)):
        label = re.sub(r"[^A-Za-z0-9_-]+", "-", photograph.parent.name)
        target = folder / label / f"{number:07}{photograph.suffix.lower()}"
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(photograph, target)
        except OSError:
            shutil.copyfile(photograph, target)
        if number < len(source):
            target.read_bytes()  # every contender finds the files in the system's cache
    return folder


def renew(folder: Path, count: int) -> None:
    """Replace photographs, spread evenly, by copies of their own: to the job they are changed."""
    for photograph in photographs_in(folder)[:count]:
        content = photograph.read_bytes()
        photograph.unlink()
        photograph.write_bytes(content)
