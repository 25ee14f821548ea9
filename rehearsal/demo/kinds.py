"""The kinds of fruit that the demo shows: outline, skin, shine and stem of each.

An outline is a function of the picture's plane, which reaches from -1 to 1 on both axes, y upwards: it is
below 1 inside the fruit and 1 on its edge. Where it is small, the fruit bulges most. A skin is the colour of
each place of the surface, before light falls on it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.floating[Any]]  # (height, width)
Colours = NDArray[np.floating[Any]]  # (height, width, 3), RGB, 0 to 1
Outline = Callable[[Plane, Plane], Plane]


@dataclass(frozen=True)
class Surface:
    """What a skin is painted on."""

    x: Plane  # place in the fruit's own upright plane, -1 to 1
    y: Plane
    depth: Plane  # the outline's function: 0 in the middle, 1 at the edge
    points: Colours  # place on the fruit as it turns
    ripeness: float  # 0 to 1, of this fruit among its kind


@dataclass(frozen=True)
class Spotted:
    """Two colours: large spots are cheeks and bloom, small ones are pores."""

    ground: str
    spots: str
    frequency: float  # mean number of waves in 2 pi lengths
    strength: float = 1.0  # how much of the second colour a spot has, 0 to 1
    cover: float = 0.45  # how far spots reach, from 0 (nowhere) to 1 (everywhere)

    def paint(self, surface: Surface) -> Colours:
        """Return the ground with its spots; a riper fruit has larger ones."""
        low = 1.1 - 2.2 * self.cover - 0.3 * surface.ripeness
        noise = waves(surface.points, self.frequency)
        return mix(colour(self.ground), colour(self.spots), self.strength * ramp(noise, low, low + 0.7))


@dataclass(frozen=True)
class CutFace:
    """A fruit cut open: rings of colour, and seeds around the middle."""

    rings: tuple[tuple[float, str], ...]  # depth where each begins, and its colour; the innermost first
    seeds: int
    seed_depth: float  # how far from the middle they lie

    def paint(self, surface: Surface) -> Colours:
        depth = surface.depth + 0.03 * waves(surface.points, 9)
        painted = colour(self.rings[0][1])
        for start, code in self.rings[1:]:
            painted = mix(painted, colour(code), ramp(depth, start - 0.04, start + 0.04))
        around = np.sin(np.arctan2(surface.y, surface.x) * self.seeds / 2)
        from_a_seed = ((depth - self.seed_depth) / 0.1) ** 2 + (around / 0.35) ** 2
        return mix(painted, colour("#241a12"), ramp(from_a_seed, 1.0, 0.5))


@dataclass(frozen=True)
class Kind:
    """One class of the archive."""

    name: str
    outline: Outline
    skin: Spotted | CutFace
    shine: float = 0.3  # how much of the light it throws back as a highlight, 0 to 1
    relief: float = 0.8  # how far it bulges, as a share of its size; a cut face hardly does
    stem: float | None = None  # height of the foot of its stem in the fruit's plane; None: it has none


def round_(width: float, height: float, dent: float = 0.0) -> Outline:
    """Return an ellipse by its half axes, drawn in at the top by `dent` (0 to 0.4), less at the bottom."""

    def outline(x: Plane, y: Plane) -> Plane:
        pull = np.exp(-((x / (0.45 * width)) ** 2)) * np.where(y > 0, 2.0, 0.7)
        return np.asarray((x / width) ** 2 + (y / height) ** 2 * (1 + dent * pull))

    return outline


def necked(width: float, height: float) -> Outline:
    """Return a pear: a belly below, a neck of half its width above."""
    return lambda x, y: (x / (width * (0.72 - 0.3 * np.tanh(3 * y / height - 0.2)))) ** 2 + (y / height) ** 2


def pointed(width: float, height: float) -> Outline:
    """Return a lemon: its sides meet at an angle at both ends."""

    def outline(x: Plane, y: Plane) -> Plane:
        along = (y / height) ** 2
        return np.asarray((x / width) ** 2 / np.clip(1.3 - along, 0.03, None) + along)

    return outline


def crescent(radius: float, thickness: float, half_angle: float) -> Outline:
    """Return a banana: an arc whose thickness runs out towards both ends; the half angle is in radians."""

    def outline(x: Plane, y: Plane) -> Plane:
        angle = np.arctan2(x, y + radius) / half_angle
        across = np.hypot(x, y + radius) - 0.95 * radius
        room = thickness * np.sqrt(np.clip(1 - angle**2 * 0.9, 1e-4, 1))
        return np.asarray(np.minimum((across / room) ** 2 + angle**8, 4.0))  # no leap: edges are slopes

    return outline


def half_disc(radius: float) -> Outline:
    """Return a slice with its straight edge upwards."""

    def outline(x: Plane, y: Plane) -> Plane:
        lowered = y - 0.4 * radius
        return np.asarray(np.maximum((x**2 + lowered**2) / radius**2, 1 + lowered * 4))

    return outline


def colour(code: str) -> Colours:
    """Return `#rrggbb` as an array, (3,), 0 to 1."""
    return np.array([int(code[place : place + 2], 16) for place in (1, 3, 5)], np.float32) / 255


def mix(under: Colours, over: Colours, share: Plane) -> Colours:
    """Return `under` with `over` on it; the share, 0 to 1, says how much of it."""
    return under + (over - under) * np.clip(share, 0, 1)[..., None]


def ramp(value: Plane, low: float, high: float) -> Plane:
    """Return 0 at `low`, 1 at `high`, smooth between (the cubic of Hermite); `low` may be the larger."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def waves(points: Colours, frequency: float, count: int = 9) -> Plane:
    """Return smooth noise of about -1 to 1: a sum of plane waves in random directions.

    It clings to the points, (height, width, 3); the frequency is the mean number of waves in 2 pi lengths.
    """
    generator = np.random.default_rng(1)
    directions = generator.normal(0, frequency, (count, 3)).astype(np.float32)
    phases = generator.uniform(0, 2 * np.pi, count).astype(np.float32)
    total = np.sin(points @ directions.T + phases).sum(-1)
    return np.asarray(total / np.sqrt(count / 2) / 1.6, np.float32)


_KIWI = CutFace(((0.0, "#e9eec0"), (0.07, "#a9c94a"), (0.55, "#7fb02d"), (0.9, "#6b4f2c")), 22, 0.2)
_WATERMELON = CutFace(((0.0, "#e8344c"), (0.72, "#f0707a"), (0.8, "#f2f4d8"), (0.88, "#2f7d38")), 14, 0.45)

KINDS = (
    Kind("Apple Green", round_(0.8, 0.76, 0.25), Spotted("#8dbb3a", "#c3d65a", 1.6), shine=0.5, stem=0.55),
    Kind("Apple Red", round_(0.8, 0.78, 0.28), Spotted("#d9b34a", "#b3131f", 1.6, 1, 0.85), 0.5, stem=0.56),
    Kind("Banana", crescent(1.05, 0.3, 1.0), Spotted("#f2cf3b", "#a97a24", 6, 0.35), shine=0.15),
    Kind("Blueberry", round_(0.62, 0.6), Spotted("#27336b", "#8a9ac9", 5, 0.7), shine=0.12),
    Kind("Cherry", round_(0.58, 0.55, 0.2), Spotted("#7d0a1c", "#b51a2e", 3, 0.6), shine=0.8, stem=0.38),
    Kind("Kiwi", round_(0.72, 0.78), _KIWI, shine=0.2, relief=0.12),
    Kind("Lemon", pointed(0.62, 0.9), Spotted("#f4d928", "#d3a916", 22, 0.4)),
    Kind("Orange", round_(0.82, 0.8), Spotted("#f08a1c", "#c9630f", 30, 0.45)),
    Kind("Peach", round_(0.76, 0.74, 0.15), Spotted("#f4bd6a", "#d4553f", 1.6, cover=0.55), shine=0.06),
    Kind("Pear", necked(0.68, 0.86), Spotted("#c8c04a", "#a9843a", 1.6, cover=0.4), shine=0.25, stem=0.8),
    Kind("Plum", round_(0.62, 0.74), Spotted("#4a1f4f", "#7d4f86", 3, 0.7), shine=0.25),
    Kind("Watermelon Slice", half_disc(0.95), _WATERMELON, shine=0.15, relief=0.06),
)
