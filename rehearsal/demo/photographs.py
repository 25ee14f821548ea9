"""Photographs of the demo's fruit: each turned, lit and drawn on white, in the layout of Fruits-360."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rehearsal.demo.kinds import KINDS, Colours, Kind, Plane, Surface, colour, mix, ramp

SIDE = 100  # pixels, as in Fruits-360
FINER = 2  # drawn larger and brought down, so that edges are smooth
VIEWS = 40
QUALITY = 92  # of the JPEG, about what Fruits-360 has
AMBIENT, DIFFUSE = 0.42, 0.68
STEM = "#5b4020"


@dataclass(frozen=True)
class View:
    """How one picture is taken; angles in radians."""

    turn: float  # in the picture's plane
    spin: float  # around the fruit's own axis: moves the pattern of its skin
    scale: float
    light: NDArray[np.float32]  # towards the lamp, (3,), of length 1
    ripeness: float

    @classmethod
    def random(cls, generator: np.random.Generator, share: float) -> "View":
        """Return a view whose fruit has been turned by this share of a circle, and a little by chance."""
        light = np.array([generator.uniform(-0.6, 0.2), generator.uniform(0.3, 0.8), 1.0], np.float32)
        return cls(
            turn=2 * np.pi * share + generator.normal(0, 0.1),
            spin=generator.uniform(0, 2 * np.pi),
            scale=generator.uniform(0.86, 1.0),
            light=light / np.linalg.norm(light),
            ripeness=generator.uniform(),
        )


def write_archive(folder: Path, *, views: int = VIEWS, seed: int = 0) -> int:
    """Write `Training/CLASS/NUMBER_100.jpg` for every kind, and return how many files that is.

    Raises OSError: the folder cannot be written.
    """
    count = 0
    for name, picture in draw_photographs(views, seed):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _, encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        path.write_bytes(bytes(encoded))
        count += 1
    return count


def draw_photographs(views: int, seed: int) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield path in the archive and picture (100, 100, 3), RGB; the same seed gives the same pictures."""
    for position, kind in enumerate(KINDS):
        generator = np.random.default_rng([seed, position])
        for number in range(views):
            picture = draw(kind, View.random(generator, number / views))
            yield f"Training/{kind.name}/{number}_{SIDE}.jpg", picture


def draw(kind: Kind, view: View) -> NDArray[np.uint8]:
    """Return one picture, (100, 100, 3) uint8, RGB."""
    # The picture's plane, turned into the fruit's own upright one.
    axis = (np.arange(SIDE * FINER, dtype=np.float32) + 0.5) / (SIDE * FINER / 2) - 1
    across, up = np.meshgrid(axis, -axis)
    cosine, sine = np.float32(np.cos(view.turn) / view.scale), np.float32(np.sin(view.turn) / view.scale)
    x, y = across * cosine + up * sine, up * cosine - across * sine
    depth = np.asarray(kind.outline(x, y), np.float32)
    height = np.asarray(kind.relief * np.sqrt(np.clip(1 - depth, 0, 1)), np.float32)
    # Each pixel's place on the fruit, which is spun around its axis.
    cosine, sine = np.float32(np.cos(view.spin)), np.float32(np.sin(view.spin))
    points = np.stack((x * cosine + height * sine, y, height * cosine - x * sine), -1)
    skin = kind.skin.paint(Surface(x, y, depth, points, view.ripeness))
    fruit = _lit(skin, _normals(height, view), view, kind.shine)
    picture = np.ones_like(fruit)
    if kind.stem is not None:
        picture = mix(picture, colour(STEM), _stem(x, y, kind.stem))
    # The outline's change within a pixel: the edge is one pixel wide.
    slope = np.hypot(*np.gradient(depth)).clip(1e-6, 1)
    picture = mix(picture, fruit, np.asarray((1 - depth) / slope + 0.5, np.float32))
    small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(small * 255 + 0.5, 0, 255), np.uint8)


def _normals(height: Plane, view: View) -> Colours:
    """Return the surface's directions as the picture shows them; (side, side, 3), of length 1."""
    pixel = 2 / (SIDE * FINER) / view.scale
    down, right = np.gradient(height, pixel)
    normal = np.stack((-right, down, np.ones_like(height)), -1)
    return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True), np.float32)


def _lit(skin: Colours, normals: Colours, view: View, shine: float) -> Colours:
    """Return the skin in the light: Lambert's law, and Blinn's highlight seen from straight above."""
    towards = np.clip(normals @ view.light, 0, 1)
    half = view.light + np.array([0, 0, 1], np.float32)
    highlight = np.clip(normals @ (half / np.linalg.norm(half)), 0, 1) ** 60
    shaded = skin * (AMBIENT + DIFFUSE * towards)[..., None] + (shine * highlight)[..., None]
    return np.asarray(np.clip(shaded, 0, 1), np.float32)


def _stem(x: Plane, y: Plane, foot: float) -> Plane:
    """Return a short bent stroke upwards from the foot, 0 to 1."""
    up = np.clip((y - foot + 0.2) / 0.5, 0, 1)
    across = np.abs(x - 0.12 * up**2)
    within = ramp(np.abs(y - foot - 0.05), 0.27, 0.23)
    return np.asarray(ramp(across, 0.055, 0.03) * within, np.float32)
