"""A map of images: points in the plane, neighbours near each other."""

import numpy as np
from sklearn.manifold import TSNE

# 10 s on two cores; more points than this do not fit into a chart either.
MAX_MAPPED = 2_000
PERPLEXITY = 30
# With fewer t-SNE has no neighbourhoods to keep.
MIN_EMBEDDED = 5


def plane_positions(rows: np.ndarray, seed: int) -> np.ndarray:
    """Place rows by t-SNE (van der Maaten, Hinton 2008), (n, 2) float32; fewer than 5 by first components.

    Args:
        rows: (n, d) float32.
    """
    if len(rows) < MIN_EMBEDDED:
        return np.pad(rows[:, :2], ((0, 0), (0, max(0, 2 - rows.shape[1]))))
    start = "pca" if min(rows.shape) >= 2 else "random"
    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    positions: np.ndarray = TSNE(perplexity=perplexity, init=start, random_state=seed).fit_transform(rows)
    return positions
