"""Skins of fruit: the colour of each place of a surface, before light falls on it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rehearsal.demo.pixels import Colours, Plane, colour, mix, ramp, waves


@dataclass(frozen=True)
class Surface:
    """What a skin may look at.

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


Skin = Callable[[Surface], Colours]


def blushed(ground: str, blush: str, *, reach: float, streaks: float = 0.0, seed: int = 1) -> Skin:
    """A ground colour with a cheek of another: apples, peaches, pears.

    Args:
        reach: how far the cheek goes, 0 (nowhere) to 1 (everywhere).
        streaks: how much of it runs in lines from top to bottom, 0 to 1.
    """

    def skin(surface: Surface) -> Colours:
        patches = waves(surface.points, 1.6, seed)
        lines = waves(surface.points * np.array([9, 0.6, 9], np.float32), 1.4, seed + 1)
        cheek = ramp(patches + streaks * lines + 0.3 * surface.ripeness, 1.1 - 2.2 * reach, 1.7 - 2.2 * reach)
        speckles = ramp(waves(surface.points, 26, seed + 2), 0.75, 1.1)
        painted = mix(_plain(surface, ground), colour(blush), cheek)
        return mix(painted, colour("#fff3c4"), 0.25 * speckles)

    return skin


def mottled(ground: str, other: str, *, frequency: float, strength: float, seed: int = 1) -> Skin:
    """Two colours in spots: fine ones are pores, coarse ones are bloom."""

    def skin(surface: Surface) -> Colours:
        fine = waves(surface.points, frequency, seed, count=9)
        return mix(_plain(surface, ground), colour(other), strength * ramp(fine, 0.1, 1.0))

    return skin


def tipped(inner: Skin, tip: str, start: float) -> Skin:
    """Another colour towards both ends: bananas."""

    def skin(surface: Surface) -> Colours:
        end = np.abs(surface.x) + 0.06 * waves(surface.points, 7, 5)
        return mix(inner(surface), colour(tip), ramp(end, start, start + 0.07))

    return skin


def crowned_with(inner: Skin, leaf: str, height: float) -> Skin:
    """Leaves above a height: strawberries, pineapples."""

    def skin(surface: Surface) -> Colours:
        edge = surface.y - 0.09 * np.abs(np.sin(surface.x * 11)) - height
        leaves = mix(_plain(surface, leaf), colour("#dcecac"), 0.35 * ramp(np.cos(surface.x * 34), 0.6, 1.0))
        return mix(inner(surface), leaves, ramp(edge, -0.03, 0.03))

    return skin


def seeded(ground: str, other: str, seeds: str, *, spacing: float) -> Skin:
    """Seeds in a lattice on two colours from top to bottom: strawberries."""

    def skin(surface: Surface) -> Colours:
        across, up = surface.points[..., 0] / spacing, surface.y / spacing
        lattice = np.cos(across * np.pi) * np.cos(up * np.pi)
        painted = mix(_plain(surface, ground), colour(other), ramp(surface.y, 0.1, 0.9))
        return mix(painted, colour(seeds), ramp(np.abs(lattice), 0.86, 0.95))

    return skin


def scaled(ground: str, furrow: str, *, spacing: float) -> Skin:
    """Diamonds with dark furrows: pineapples."""

    def skin(surface: Surface) -> Colours:
        across = np.arcsin(np.clip(surface.points[..., 0] / 0.6, -1, 1)) * 0.6
        first = np.abs(np.sin((across + surface.y) / spacing))
        second = np.abs(np.sin((across - surface.y) / spacing))
        eye = ramp(np.minimum(first, second), 0.75, 0.95)
        painted = mix(_plain(surface, ground), colour("#8d5a1b"), 0.7 * eye)
        return mix(painted, colour(furrow), ramp(np.minimum(first, second), 0.28, 0.1))

    return skin


def cut(rings: tuple[tuple[float, str], ...], *, seeds: int, at: float, dark: str = "#241a12") -> Skin:
    """A cut face: rings of colour from the middle outwards, seeds around it.

    Args:
        rings: (depth where it begins, colour), the innermost first at 0.
        seeds: how many around the middle, at this depth.
    """

    def skin(surface: Surface) -> Colours:
        wobble = surface.depth + 0.03 * waves(surface.points, 9, 3)
        painted = _plain(surface, rings[0][1])
        for start, code in rings[1:]:
            painted = mix(painted, colour(code), ramp(wobble, start - 0.04, start + 0.04))
        angle = np.arctan2(surface.y, surface.x)
        drops = ((wobble - at) / 0.1) ** 2 + (np.sin(angle * seeds / 2) / 0.35) ** 2
        return mix(painted, colour(dark), ramp(drops, 1.0, 0.5))

    return skin


def _plain(surface: Surface, code: str) -> Colours:
    return np.broadcast_to(colour(code), (*surface.x.shape, 3)).astype(np.float32)
