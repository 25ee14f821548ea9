"""Outlines of fruit: implicit functions of the plane, below 1 inside and 1 on the edge.

The picture's plane reaches from -1 to 1 on both axes, y upwards. Where the function is small, the fruit
bulges most.
"""

from collections.abc import Callable

import numpy as np

from rehearsal.demo.pixels import Plane

Outline = Callable[[Plane, Plane], Plane]
# Where a function would leap, it ends: its slope tells where the edge is.
FAR = 4.0


def ellipse(width: float, height: float) -> Outline:
    """Half axes of an ellipsoid."""
    return lambda x, y: (x / width) ** 2 + (y / height) ** 2


def dented(width: float, height: float, dent: float) -> Outline:
    """Round, drawn in at the top by `dent` (0 to 0.4) and a third as much at the bottom: apples, cherries."""

    def outline(x: Plane, y: Plane) -> Plane:
        pull = np.exp(-((x / (0.45 * width)) ** 2))
        return np.asarray(
            (x / width) ** 2 + (y / height) ** 2 * (1 + dent * pull * np.where(y > 0, 2.0, 0.7))
        )

    return outline


def tapered(width: float, height: float, taper: float) -> Outline:
    """Wider below (positive taper, pears) or above (negative, strawberries)."""
    return lambda x, y: (x / (width * (1 - taper * y / height))) ** 2 + (y / height) ** 2


def necked(width: float, height: float) -> Outline:
    """A pear: a belly below, a neck of half its width above."""
    return lambda x, y: (x / (width * (0.72 - 0.3 * np.tanh(3 * y / height - 0.2)))) ** 2 + (y / height) ** 2


def pointed(width: float, height: float) -> Outline:
    """A lemon: its sides meet at an angle at both ends."""

    def outline(x: Plane, y: Plane) -> Plane:
        along = (y / height) ** 2
        return np.asarray((x / width) ** 2 / np.clip(1.3 - along, 0.03, None) + along)

    return outline


def crescent(radius: float, thickness: float, half_angle: float) -> Outline:
    """A banana: an arc whose thickness runs out towards both ends; the half angle is in radians."""

    def outline(x: Plane, y: Plane) -> Plane:
        angle = np.arctan2(x, y + radius) / half_angle
        across = np.hypot(x, y + radius) - 0.95 * radius
        room = thickness * np.sqrt(np.clip(1 - angle**2 * 0.9, 1e-4, 1))
        return np.asarray(np.minimum((across / room) ** 2 + angle**8, FAR))

    return outline


def bunch(berries: int, radius: float, seed: int) -> Outline:
    """Grapes: berries in a triangle, each moved a little."""
    generator = np.random.default_rng(seed)
    places: list[tuple[float, float]] = []
    row = 0
    while len(places) < berries:
        count = max(5 - row, 1)
        places += [
            ((place - (count - 1) / 2) * 1.5 * radius, 0.6 - row * 1.4 * radius) for place in range(count)
        ]
        row += 1
    centres = np.array(places[:berries]) + generator.normal(0, 0.12 * radius, (berries, 2))

    def outline(x: Plane, y: Plane) -> Plane:
        squares = [((x - across) ** 2 + (y - up) ** 2) / radius**2 for across, up in centres]
        return np.asarray(np.minimum.reduce(squares))

    return outline


def half_disc(radius: float) -> Outline:
    """A slice with its straight edge upwards."""

    def outline(x: Plane, y: Plane) -> Plane:
        lowered = y - 0.4 * radius
        return np.asarray(np.maximum((x**2 + lowered**2) / radius**2, 1 + lowered * 4))

    return outline


def crowned(fruit: Outline, height: float) -> Outline:
    """A pineapple: the fruit with a tuft of leaves above `height`."""

    def outline(x: Plane, y: Plane) -> Plane:
        up = (y - height) / (0.88 - height)
        spread = 0.42 * np.abs(np.cos(np.clip(np.arctan2(x, y - height + 0.12), -1.2, 1.2) * 9)) + 0.35
        leaves = np.where(up > -0.1, (x / 0.42) ** 2 + (up / (2 * spread)) ** 2, 9.0)
        return np.asarray(np.minimum(fruit(x, y), leaves))

    return outline
