"""Arrays of pixels: their types, mixing, and noise that clings to a surface."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.floating[Any]]  # (height, width)
Colours = NDArray[np.floating[Any]]  # (height, width, 3), RGB, 0 to 1


def colour(code: str) -> Colours:
    """`#rrggbb` as one pixel, (3,), 0 to 1."""
    return np.array([int(code[place : place + 2], 16) for place in (1, 3, 5)], np.float32) / 255


def mix(under: Colours, over: Colours, share: Plane) -> Colours:
    """`over` on `under`; share 0 to 1 says how much of it."""
    return under + (over - under) * np.clip(share, 0, 1)[..., None]


def ramp(value: Plane, low: float, high: float) -> Plane:
    """0 at `low`, 1 at `high`, smooth between (the cubic of Hermite); `low` may be the larger."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def waves(points: Colours, frequency: float, seed: int, count: int = 6) -> Plane:
    """Smooth noise of about -1 to 1 at points of space: a sum of plane waves in random directions.

    Args:
        points: (height, width, 3), each pixel's place on the fruit.
        frequency: mean number of waves in 2 pi lengths.
    """
    generator = np.random.default_rng(seed)
    directions = generator.normal(0, frequency, (count, 3)).astype(np.float32)
    phases = generator.uniform(0, 2 * np.pi, count).astype(np.float32)
    total = np.sin(points @ directions.T + phases).sum(-1)
    return np.asarray(total / np.sqrt(count / 2) / 1.6, np.float32)
