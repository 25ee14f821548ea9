"""What the pixels of a photograph say about its quality, measured beside the features as it was decoded.

Definitions are CleanVision's (https://github.com/cleanlab/cleanvision, Apache-2.0), on upright RGB pixels
with transparency on white. The cost has to stay small beside a network: of more than 16,384 pixels,
percentiles and entropy see about 4,096 that are evenly spread; edges and pHash see all, averaged over squares
first, of more than 1,048,576 about so many. Pictures are resized as by Pillow, as two matrix products: for
small grey ones a quarter to a half of its time, with the same pixels but for a last bit in one of 10,000.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, sqrt

import cv2
import numpy as np
from PIL import Image

from spark_job.images.picture import Picture, halved

Kernel = Callable[[np.ndarray], np.ndarray]
MAX_MEASURED_PIXELS = 16_384
SAMPLE_PIXELS = 4_096
MAX_AVERAGED_PIXELS = 1_048_576
EDGE_SIDE = 64  # CleanVision measures edges with the longer side at most this long
HALVED_SIDE = 3 * EDGE_SIDE  # halved further, the score of edges would be off by .04 instead of .02
# pHash of 8 x 8 bits, from 32 x 32 pixels:
# https://www.hackerfactor.com/blog/index.php?/archives/432-Looks-Like-It.html
HASH_SIDE, HASH_PIXELS = 8, 32
_TURNS = np.outer(np.arange(HASH_SIDE), 2 * np.arange(HASH_PIXELS) + 1) / (2 * HASH_PIXELS)
_FREQUENCIES = np.cos(np.pi * _TURNS)
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


@dataclass(frozen=True, slots=True)
class GreyPicture:
    """A grey picture of (height, width) pixels, halved until each of `cells` is a square of `side`."""

    cells: np.ndarray  # (height // side, width // side) uint8, averages
    side: int
    height: int
    width: int

    @classmethod
    def of(cls, grey: np.ndarray) -> "GreyPicture":
        """Halve (h, w) uint8 until it is a small multiple of what the edges are measured on."""
        cells, side = grey, 1
        while max(cells.shape) > HALVED_SIDE and min(cells.shape) > 1:
            cells, side = halved(cells), side * 2
        return cls(cells, side, *grey.shape)

    def resized(self, height: int, width: int, kernel: Kernel) -> np.ndarray:
        rows = _to_bytes(self.cells.astype(np.float32) @ _weights(self.width, self.side, width, kernel).T)
        return _to_bytes(_weights(self.height, self.side, height, kernel) @ rows.astype(np.float32))


def _to_bytes(values: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.add(values, 0, dtype=cv2.CV_8U))


@lru_cache(maxsize=512)
def _weights(length: int, side: int, wanted: int, kernel: Kernel) -> np.ndarray:
    """Return (wanted, length // side) float32: what each cell of `side` pixels gives to each new pixel."""
    scale = max(length / wanted, 1)
    centres, reach = (np.arange(wanted)[:, None] + 0.5) * length / wanted, SUPPORT[kernel] * scale
    # Photographs come in many sizes: the kernel is asked for the pixels that it reaches alone.
    first, last = (np.floor(centres + way * reach + 0.5) for way in (-1, 1))
    places = first + np.arange(int((last - first).max()))
    inside = (places < last) & (places >= 0) & (places < length // side * side)
    values = np.where(inside, kernel((places - centres + 0.5) / scale), 0)
    count = length // side
    cells = np.arange(wanted)[:, None] * count + np.clip(places // side, 0, count - 1).astype(np.int64)
    sums = np.bincount(cells.ravel(), values.ravel(), wanted * count).reshape(wanted, count)
    return np.asarray((sums / sums.sum(axis=1, keepdims=True)).astype(np.float32, order="F"))


@dataclass(frozen=True, slots=True)
class Quality:
    """Measures of one photograph."""

    brightness_p5: float  # percentile of the pixels' brightness, 0 (black) to 1 (white)
    brightness_p99: float
    entropy: float  # of the values of all channels, bits
    edge_deviation: float  # standard deviation of the edges, 64 pixels wide; small when blurry
    grey_histogram_deviation: float  # standard deviation of the counts of the 256 greys there
    greyscale: bool  # the file has a single channel
    pixel_hash: str  # 32 hex digits; the same for photographs of one size with the same decoded pixels
    perceptual_hash: str  # 16 hex digits, pHash; the same for photographs that look the same


def measure(photograph: Picture) -> Quality:
    """Measure one photograph by the pixels that it was decoded to."""
    pixels = photograph.pixels
    few = pixels.shape[0] * pixels.shape[1] <= MAX_MEASURED_PIXELS
    sample = pixels if few else _thinned(pixels, SAMPLE_PIXELS)
    p5, p99 = _brightness_percentiles(sample)
    grey = cv2.cvtColor(_thinned(pixels, MAX_AVERAGED_PIXELS), cv2.COLOR_RGB2GRAY)
    picture = GreyPicture.of(grey)
    edges, greys = _edges(picture)
    channels = Image.fromarray(np.ascontiguousarray(sample[:, :, 0]) if photograph.greyscale else sample)
    return Quality(
        brightness_p5=p5,
        brightness_p99=p99,
        entropy=channels.entropy(),
        edge_deviation=edges,
        grey_histogram_deviation=greys,
        greyscale=photograph.greyscale,
        pixel_hash=_pixel_hash(photograph, grey, sample),
        perceptual_hash=_perceptual_hash(picture),
    )


def _thinned(pixels: np.ndarray, most: int) -> np.ndarray:
    """Return every n-th pixel of every n-th row, at most about so many; all pixels when they are few."""
    height, width = pixels.shape[:2]
    step = ceil(sqrt(height * width / most))
    if step <= 1:
        return pixels
    size = (ceil(width / step), ceil(height / step))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_NEAREST))


def _brightness_percentiles(sample: np.ndarray) -> tuple[float, float]:
    """Return the 5th and 99th percentile of sqrt(weighted mean of squares) / 255, as NumPy interpolates."""
    squares = cv2.transform(cv2.multiply(sample, sample, dtype=cv2.CV_32F), _CHANNEL_WEIGHTS).ravel()
    ranks = [(squares.size - 1) * share for share in (0.05, 0.99)]
    places = sorted({place for rank in ranks for place in (int(rank), ceil(rank))})
    ordered = np.partition(squares, places)

    def at(rank: float) -> float:
        below, above = (sqrt(ordered[place]) / 255 for place in (int(rank), ceil(rank)))
        return below + (above - below) * (rank % 1)

    return at(ranks[0]), at(ranks[1])


def _edges(picture: GreyPicture) -> tuple[float, float]:
    """Return the standard deviations of the edges and of the histogram, of the picture made small."""
    ratio = max(picture.height, picture.width, EDGE_SIDE) / EDGE_SIDE
    size = (max(int(picture.height // ratio), 1), max(int(picture.width // ratio), 1))
    small = picture.resized(*size, bicubic)
    edges = small.copy()  # Pillow, which CleanVision finds edges with, leaves the border as it is
    edges[1:-1, 1:-1] = cv2.filter2D(small, -1, _EDGES)[1:-1, 1:-1]
    counts = np.bincount(small.ravel(), minlength=256).astype(np.float64)
    variance = float(counts @ counts) / 256 - (small.size / 256) ** 2
    return float(cv2.meanStdDev(edges)[1][0, 0]), sqrt(max(variance, 0.0))


def _pixel_hash(photograph: Picture, grey: np.ndarray, sample: np.ndarray) -> str:
    """Return the SHA-256 of size, sums of rows (of all pixels) and columns (unless thinned), and sample."""
    pixels = photograph.pixels
    height, width = pixels.shape[:2]
    rows = cv2.reduce(pixels.reshape(height, width * 3), 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
    columns = cv2.reduce(grey, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
    digest = hashlib.sha256(repr((photograph.width, photograph.height, height, width)).encode())
    for part in (rows, columns, sample):
        digest.update(part.data)
    return digest.hexdigest()[:32]


def _perceptual_hash(picture: GreyPicture) -> str:
    """Return which of the lowest 8 x 8 frequencies are above their median."""
    lowest = _FREQUENCIES @ picture.resized(HASH_PIXELS, HASH_PIXELS, lanczos) @ _FREQUENCIES.T
    # Sums that are 0 but for the last digits are 0: a plain picture has one hash, not a random one.
    coefficients = np.rint(lowest.ravel() * 1e6)
    ordered = np.sort(coefficients)
    return np.packbits(coefficients > (ordered[31] + ordered[32]) / 2).tobytes().hex()
