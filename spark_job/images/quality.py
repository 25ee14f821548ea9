"""What the pixels of a photograph say about its quality, measured beside the features.

Definitions are CleanVision's (https://github.com/cleanlab/cleanvision, Apache-2.0), on upright RGB pixels
with transparency on white. The cost has to stay small beside a network, so large photographs are thinned
first: percentiles, entropy and hash see at most 16,384 evenly spread pixels, edges and pHash at most 262,144.

Pictures are resized as Pillow does it, with filters that average when a picture shrinks, as two matrix
products. For small grey pictures this takes a quarter to a half of Pillow's time, and gives the same pixels
but for a last bit in one of 10,000. (OpenCV's filters do not average.)
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, sqrt

import cv2
import numpy as np
from PIL import Image

Kernel = Callable[[np.ndarray], np.ndarray]
MAX_STATISTICS_PIXELS = 16_384
MAX_EDGE_PIXELS = 262_144
# CleanVision measures edges with the longer side at most this long.
EDGE_SIDE = 64
HALVED_SIDE = 4 * EDGE_SIDE
# pHash of 8 x 8 bits, from 32 x 32 pixels:
# https://www.hackerfactor.com/blog/index.php?/archives/432-Looks-Like-It.html
HASH_SIDE, HASH_PIXELS = 8, 32
_FREQUENCIES = np.cos(
    np.pi * np.outer(np.arange(HASH_SIDE), 2 * np.arange(HASH_PIXELS) + 1) / (2 * HASH_PIXELS)
)
# How bright the channels look: https://alienryderflex.com/hsp.html
_CHANNEL_WEIGHTS = np.array([[0.241, 0.691, 0.068]], np.float32)
_EDGES = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], np.float32)


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


@dataclass(frozen=True, slots=True)
class Quality:
    """Measures of one photograph.

    Attributes:
        brightness_p5, brightness_p99: percentiles of the pixels' brightness, 0 (black) to 1 (white).
        entropy: of the values of all channels, bits.
        edge_deviation: standard deviation of the edges, 64 pixels wide; small when blurry.
        grey_histogram_deviation: standard deviation of the counts of the 256 greys there.
        greyscale: the file has a single channel.
        pixel_hash: 32 hex digits; the same for the same pixels.
        perceptual_hash: 16 hex digits, pHash; the same for photographs that look the same.
    """

    brightness_p5: float
    brightness_p99: float
    entropy: float
    edge_deviation: float
    grey_histogram_deviation: float
    greyscale: bool
    pixel_hash: str
    perceptual_hash: str


def measure(pixels: np.ndarray, greyscale: bool) -> Quality:
    """Measure one photograph, (h, w, 3) uint8 RGB, C-contiguous; greyscale: its file has a single channel."""
    sample = _thinned(pixels, MAX_STATISTICS_PIXELS)
    p5, p99 = _brightness_percentiles(sample)
    grey = _shrunk(cv2.cvtColor(_thinned(pixels, MAX_EDGE_PIXELS), cv2.COLOR_RGB2GRAY))
    edges, greys = _edges(grey)
    channel = Image.fromarray(np.ascontiguousarray(sample[:, :, 0]) if greyscale else sample)
    return Quality(
        brightness_p5=p5,
        brightness_p99=p99,
        entropy=channel.entropy(),
        edge_deviation=edges,
        grey_histogram_deviation=greys,
        greyscale=greyscale,
        pixel_hash=_pixel_hash(pixels, sample),
        perceptual_hash=_perceptual_hash(grey),
    )


def _thinned(pixels: np.ndarray, most: int) -> np.ndarray:
    """Return every n-th pixel of every n-th row, at most about so many; all pixels when they are few."""
    height, width = pixels.shape[:2]
    step = ceil(sqrt(height * width / most))
    if step <= 1:
        return pixels
    size = (ceil(width / step), ceil(height / step))
    thinned: np.ndarray = cv2.resize(pixels, size, interpolation=cv2.INTER_NEAREST)
    return thinned


def _shrunk(grey: np.ndarray) -> np.ndarray:
    """Halve the picture by averaging, until it is a small multiple of what the edges are measured on."""
    while max(grey.shape) > HALVED_SIDE and min(grey.shape) > 1:
        height, width = grey.shape
        # An odd last row or column is left out: OpenCV halves even sizes ten times as fast.
        even = grey[: height // 2 * 2, : width // 2 * 2]
        grey = cv2.resize(even, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return grey


def _brightness_percentiles(sample: np.ndarray) -> tuple[float, float]:
    """Return the 5th and 99th percentile of sqrt(weighted mean of squares) / 255, as NumPy interpolates."""
    squares = cv2.transform(cv2.multiply(sample, sample, dtype=cv2.CV_32F), _CHANNEL_WEIGHTS).ravel()
    ranks = [(squares.size - 1) * share for share in (0.05, 0.99)]
    places = sorted({place for rank in ranks for place in (int(rank), ceil(rank))})
    ordered = np.partition(squares, places)
    low, high = (_between(ordered, rank) for rank in ranks)
    return low, high


def _between(ordered: np.ndarray, rank: float) -> float:
    below, above = (sqrt(ordered[place]) / 255 for place in (int(rank), ceil(rank)))
    return below + (above - below) * (rank % 1)


def _edges(grey: np.ndarray) -> tuple[float, float]:
    """Return the standard deviations of the edges and of the histogram, of the picture made small."""
    small = _at_most(grey, EDGE_SIDE)
    edges = cv2.filter2D(small, -1, _EDGES)
    # Pillow, which CleanVision finds edges with, leaves the border as it is.
    edges[[0, -1]], edges[:, [0, -1]] = small[[0, -1]], small[:, [0, -1]]
    counts = np.bincount(small.ravel(), minlength=256).astype(np.float64)
    variance = float(counts @ counts) / 256 - (small.size / 256) ** 2
    return float(cv2.meanStdDev(edges)[1][0, 0]), sqrt(max(variance, 0.0))


def _at_most(grey: np.ndarray, side: int) -> np.ndarray:
    height, width = grey.shape
    ratio = max(height, width) / side
    if ratio <= 1:
        return grey
    size = (max(int(height // ratio), 1), max(int(width // ratio), 1))
    return resample(grey, *size, bicubic).astype(np.uint8)


def _pixel_hash(pixels: np.ndarray, sample: np.ndarray) -> str:
    """Return the SHA-256 of size, channel sums and the sample, which of a small photograph is every pixel."""
    digest = hashlib.sha256(repr((pixels.shape, cv2.sumElems(pixels))).encode())
    digest.update(np.ascontiguousarray(sample).data)
    return digest.hexdigest()[:32]


def _perceptual_hash(grey: np.ndarray) -> str:
    """Return which of the lowest 8 x 8 frequencies are above their median."""
    lowest = _FREQUENCIES @ resample(grey, HASH_PIXELS, HASH_PIXELS, lanczos) @ _FREQUENCIES.T
    # Sums that are 0 but for the last digits are 0: a plain picture has one hash, not a random one.
    coefficients = np.rint(lowest.ravel() * 1e6)
    ordered = np.sort(coefficients)
    return np.packbits(coefficients > (ordered[31] + ordered[32]) / 2).tobytes().hex()
