"""Limits that protect a worker from a single image."""

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class ImageLimits:
    """An image beyond one of these is rejected, and the run goes on.

    The pixel limit holds the photographs of today's phones (50 megapixels); at 64 million pixels a
    decoded image is 192 MB.
    """

    max_pixels: int = 64_000_000
    max_bytes: int = 64 * MEBIBYTE
    max_seconds: float = 10.0
