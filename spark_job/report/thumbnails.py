"""Which small photographs fit into the page, and how they are written into it."""

import base64
from collections.abc import Sequence


def encode(thumbnail: bytes | None) -> str | None:
    """Return a JPEG as base64; None when there is none."""
    return base64.b64encode(thumbnail).decode("ascii") if thumbnail else None


def encoded_length(thumbnail: bytes | None) -> int:
    """Return the number of characters that `encode` gives."""
    return 4 * -(-len(thumbnail) // 3) if thumbnail else 0


def keep_evenly(lengths: Sequence[int], budget: int) -> list[bool]:
    """Return which items to keep so that their lengths sum to at most `budget`, evenly over the order.

    Each item adds its share of the budget to a purse, and is kept when the purse can pay for it.
    An item of length 0 is never kept.
    """
    total = sum(lengths)
    share = min(1.0, max(0, budget) / total) if total else 0.0
    purse, kept = 0.0, []
    for length in lengths:
        purse += length * share
        # half a character for the rounding of the sums
        affordable = 0 < length <= purse + 0.5
        kept.append(affordable)
        purse -= length if affordable else 0
    return kept
