"""The photographs of a measurement: a folder of exactly so many, given or generated."""

import os
import random
import re
import shutil
from pathlib import Path

import cv2
import numpy as np

from spark_job.contract.image_names import IMAGE_EXTENSIONS

# Small pictures of single fruits, as in the public data set Fruits-360: 131 classes of 100 x 100 pixels.
GENERATED_COUNT = 1_000
GENERATED_CLASSES = 20
GENERATED_SIDE = 100


def photographs_in(folder: Path) -> list[Path]:
    """Every photograph below a folder, in an order that mixes the classes and is always the same."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_EXTENSIONS)
    random.Random(0).shuffle(found)  # noqa: S311 - no secret
    return found


def folder_of(count: int, source: list[Path], folder: Path) -> Path:
    """Make `folder` with `count` files CLASS/NUMBER.EXT; a shorter source is taken more than once.

    Hard links where the disk allows them, else copies.
    """
    if folder.exists():
        shutil.rmtree(folder)
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


def generate(folder: Path) -> list[Path]:
    """Photographs of something round on a white ground; nothing is taken from anywhere."""
    randomness = np.random.default_rng(0)
    paths = []
    for number in range(GENERATED_COUNT):
        label = number % GENERATED_CLASSES
        path = folder / f"fruit-{label:02}" / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = _photograph(label, randomness)
        cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
        paths.append(path)
    return paths


def _photograph(label: int, randomness: np.random.Generator) -> np.ndarray:
    """(side, side, 3) uint8: an ellipse in the colour of its class, with a skin and a shadow."""
    side = GENERATED_SIDE
    colour = np.random.default_rng(label).integers(30, 220, 3).astype(float)
    coarse = randomness.normal(0, 25, (8, 8, 3)).astype(np.float32)
    skin = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    skin += randomness.normal(0, 6, (side, side, 3)).astype(np.float32)
    light = np.linspace(40, -40, side, dtype=np.float32)[None, :, None]
    mask = np.zeros((side, side, 1), np.uint8)
    axes = tuple(int(length) for length in randomness.integers(side // 4, side // 2, 2))
    angle = float(randomness.uniform(0, 180))
    cv2.ellipse(mask, (side // 2, side // 2), axes, angle, 0, 360, 1, -1)
    picture = np.where(mask > 0, colour + skin + light, 250.0)
    return np.asarray(np.clip(picture, 0, 255), np.uint8)
