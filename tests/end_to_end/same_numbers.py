"""Whether two runs, wherever their images lay, found the same numbers."""

import numpy as np

from tests.spark.runs import RunResults

# Photographs are known by what follows the archive's own folder.
ARCHIVE = "Training/"


def name_of(path: str) -> str:
    """`Training/KIND/NUMBER_100.jpg`, wherever the archive lies."""
    return path[path.rindex(ARCHIVE) :]


def features_by_name(run: RunResults) -> dict[str, np.ndarray]:
    """(length,) float32 of each photograph."""
    return {name_of(row["path"]): np.asarray(row["features"], np.float32) for row in run.features}


def components_by_name(run: RunResults) -> dict[str, np.ndarray]:
    """(k,) float64 of each photograph."""
    return {name_of(row["path"]): np.asarray(row["components_array"]) for row in run.components}


def same_signs(components: np.ndarray, like: np.ndarray) -> np.ndarray:
    """(n, k): each column turned to the direction of the other's: a component's sign means nothing."""
    return components * np.sign((components * like).sum(axis=0))
