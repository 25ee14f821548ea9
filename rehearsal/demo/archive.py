"""The demo's photographs as an archive in the layout of Fruits-360."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rehearsal.demo.kinds import KINDS
from rehearsal.demo.rendering import SIDE, View, render

QUALITY = 92  # of the JPEG, about what Fruits-360 has
VIEWS = 30


def photographs(views: int, seed: int) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Path in the archive and picture (100, 100, 3), RGB; the same seed gives the same pictures."""
    for place, kind in enumerate(KINDS):
        generator = np.random.default_rng([seed, place])
        for number in range(views):
            picture = render(kind, View.random(generator, number / views))
            yield f"Training/{kind.name}/{number}_{SIDE}.jpg", picture


def write_archive(folder: Path, *, views: int = VIEWS, seed: int = 0) -> int:
    """Write `Training/CLASS/NUMBER_100.jpg` for every kind; returns how many.

    Raises:
        OSError: the folder cannot be written.
    """
    count = 0
    for name, picture in photographs(views, seed):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_jpeg(picture))
        count += 1
    return count


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    _, encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return bytes(encoded)
