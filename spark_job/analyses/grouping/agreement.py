"""How well clusters agree with the folders the images came from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from sklearn.metrics import adjusted_rand_score, homogeneity_score, normalized_mutual_info_score


@dataclass(frozen=True)
class Agreement:
    """Each 1 when clusters and folders are the same.

    Attributes:
        adjusted_rand: pairs of images that both join or both part; 0 is chance (Hubert, Arabie 1985).
        normalized_mutual_information: 0 when independent; arithmetic mean of the entropies.
        homogeneity: 1 when each cluster holds images of one folder only (Rosenberg, Hirschberg 2007).
    """

    adjusted_rand: float
    normalized_mutual_information: float
    homogeneity: float

    def figures(self) -> dict[str, float]:
        """Return name -> value."""
        return asdict(self)


def agreement(counts: Mapping[tuple[int, str], int]) -> Agreement | None:
    """Compare clusters with folders; None with fewer than two folders, images without one are left out."""
    labelled = {key: count for key, count in counts.items() if key[1]}
    folders = sorted({folder for _, folder in labelled})
    if len(folders) < 2:
        return None
    number = {folder: index for index, folder in enumerate(folders)}
    images = list(labelled.values())
    truth = np.repeat(np.array([number[folder] for _, folder in labelled], np.int32), images)
    found = np.repeat(np.array([cluster for cluster, _ in labelled], np.int32), images)
    return Agreement(
        float(adjusted_rand_score(truth, found)),
        float(normalized_mutual_info_score(truth, found)),
        float(homogeneity_score(truth, found)),
    )
