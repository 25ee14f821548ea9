"""Skins of fruit: the colour of each place of a surface, before light falls on it."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.floating[Any]]  # (height, width)
Colours = NDArray[np.floating[Any]]  # (height, width, 3), RGB, 0 to 1


@dataclass(frozen=True)
class Surface:
    """What a skin is painted on.

    Attributes:
        x, y: Place in the fruit's own upright plane, -1 to 1.
        depth: The outline's function: 0 in the middle, 1 at the edge.
        points: Place on the fruit as it turns, (height, width, 3).
        ripeness: 0 to 1, of this fruit among its kind.
    """

    x: Plane
    y: Plane
    depth: Plane
    points: Colours
    ripeness: float


class Skin(Protocol):
    """What a kind of fruit looks like from outside."""

    def paint(self, surface: Surface) -> Colours:
        """Return the colour of each pixel, (height, width, 3)."""


@dataclass(frozen=True)
class Spotted:
    """Two colours: large spots are cheeks and bloom, small ones are pores.

    Attributes:
        frequency: Mean number of waves in 2 pi lengths.
        strength: How much of the second colour a spot has, 0 to 1.
        cover: How far spots reach, from 0 (nowhere) to 1 (everywhere).
    """

    ground: str
    spots: str
    frequency: float
    strength: float = 1.0
    cover: float = 0.45

    def paint(self, surface: Surface) -> Colours:
        """Return the ground with its spots; a riper fruit has larger ones."""
        low = 1.1 - 2.2 * self.cover - 0.3 * surface.ripeness
        noise = waves(surface.points, self.frequency)
        return mix(colour(self.ground), colour(self.spots), self.strength * ramp(noise, low, low + 0.7))


@dataclass(frozen=True)
class CutFace:
    """A fruit cut open: rings of colour, and seeds around the middle.

    Attributes:
        rings: Depth where each ring begins, and its colour; the innermost first.
        seeds: How many there are.
        seed_depth: How far from the middle they lie.
    """

    rings: tuple[tuple[float, str], ...]
    seeds: int
    seed_depth: float

    def paint(self, surface: Surface) -> Colours:
        """Return the face; its rings are not quite round."""
        depth = surface.depth + 0.03 * waves(surface.points, 9)
        painted = colour(self.rings[0][1])
        for start, code in self.rings[1:]:
            painted = mix(painted, colour(code), ramp(depth, start - 0.04, start + 0.04))
        around = np.sin(np.arctan2(surface.y, surface.x) * self.seeds / 2)
        from_a_seed = ((depth - self.seed_depth) / 0.1) ** 2 + (around / 0.35) ** 2
        return mix(painted, colour("#241a12"), ramp(from_a_seed, 1.0, 0.5))


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

    Args:
        points: (height, width, 3), each pixel's place on the fruit; noise clings to it.
        frequency: Mean number of waves in 2 pi lengths.
    """
    generator = np.random.default_rng(1)
    directions = generator.normal(0, frequency, (count, 3)).astype(np.float32)
    phases = generator.uniform(0, 2 * np.pi, count).astype(np.float32)
    total = np.sin(points @ directions.T + phases).sum(-1)
    return np.asarray(total / np.sqrt(count / 2) / 1.6, np.float32)
