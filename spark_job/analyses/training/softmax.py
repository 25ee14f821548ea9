"""Multinomial logistic regression: gradients are summed over the executors, SciPy's L-BFGS takes the steps.

The objective is that of MLlib's LogisticRegression with `standardization`: mean cross-entropy plus
regularization / 2 times the squared coefficients of the standardised columns; intercepts are free.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, TypeVar

import numpy as np
from pyspark import RDD, SparkContext, StorageLevel
from scipy.optimize import minimize

from spark_job.analyses.runs import VectorTable
from spark_job.images.listing import ListedFile, listed_files
from spark_job.reduction.principal_components import column_scale
from spark_job.session import Sum, tree_depth

MAX_SCORES = 4 * 1024**2  # a block has a number for each row and class, some times over: 32 MiB each
# L-BFGS keeps two vectors of all weights for each correction, 53 MB at 131 x 25,088 weights; it stops below
# this largest part of the gradient.
MINIMISER = {"maxcor": 5, "gtol": 1e-7}

Total = TypeVar("Total")
# (label, split, path) -> (class, step), or None for an image that does not take part.
Choice = Callable[[str, str, str], tuple[int, int] | None]


@dataclass(frozen=True)
class Block:
    """Some rows, at most 32 MiB, and at most MAX_SCORES with one for each class."""

    rows: np.ndarray  # (n, d) float32
    classes: np.ndarray  # (n,) int64, index into the class names
    steps: np.ndarray  # (n,) int64, first step of the learning curve that takes the row
    images: list[ListedFile]


class Examples:
    """The chosen rows of a table, in the memory of the executors and, beyond it, on their disks."""

    def __init__(self, spark: SparkContext, table: VectorTable, choose: Choice, classes: int) -> None:
        self._spark, most = spark, max(1, MAX_SCORES // classes)
        count = min(len(table.parts), spark.defaultParallelism)
        tasks = [list(table.parts[first::count]) for first in range(count)]
        blocks: RDD[Block] = spark.parallelize(tasks, count).flatMap(
            lambda uris: (block for uri in uris for block in _blocks(uri, table, choose, most))
        )
        self._blocks = blocks.persist(StorageLevel.MEMORY_AND_DISK)

    def total(self, function: Callable[[Any, Block], Total], model: Any, partial_bytes: int = 1) -> Total:
        """Sum `function(model, block)` over all blocks; workers import the function from its module."""
        shared = self._spark.broadcast(model)

        def partial(blocks: Iterable[Block]) -> Iterator[Total]:
            results = (function(shared.value, block) for block in blocks)
            for first in results:
                yield reduce(add, results, first)

        depth = tree_depth(self._blocks.getNumPartitions(), partial_bytes)
        try:
            together: Total = self._blocks.mapPartitions(partial).treeReduce(add, depth)
            return together
        finally:
            shared.destroy()

    def close(self) -> None:
        self._blocks.unpersist()


def _blocks(uri: str, table: VectorTable, choose: Choice, most: int) -> Iterator[Block]:
    for batch, vectors in table.rows(uri):
        images = listed_files(batch)
        choices = [choose(image.label, image.split, image.path) for image in images]
        taken = [index for index, choice in enumerate(choices) if choice is not None]
        for first in range(0, len(taken), most):
            some = taken[first : first + most]
            classes, steps = np.array([choices[index] for index in some]).T
            rows = np.asarray(vectors[some], np.float32)
            yield Block(rows, classes, steps, [images[index] for index in some])


@dataclass(frozen=True)
class Scaling:
    """How columns are standardised, and where the classes lie."""

    mean: np.ndarray  # (d,) float64
    scale: np.ndarray  # (d,) float64, 1 / standard deviation; 0 for a constant column
    centres: np.ndarray  # (classes, d) float64, means of the classes, standardised

    def standardised(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, d) rows of any float type standardised, in float32."""
        mean, scale = self.mean.astype(np.float32), self.scale.astype(np.float32)
        return np.asarray((rows - mean) * scale, np.float32)


def fit_scaling(examples: Examples, counts: np.ndarray, length: int) -> Scaling:
    """Measure the columns of (classes,) counts of images, none 0; NoVarianceError: all rows are equal."""
    size = 8 * length
    sums = examples.total(_class_sums, (len(counts), length), len(counts) * size)
    mean = sums.sum(axis=0) / counts.sum()
    scatter = examples.total(_squared_deviations, mean, size)
    scale = column_scale(int(counts.sum()), mean, scatter, standardize=True)
    return Scaling(mean, scale, (sums / counts[:, None] - mean) * scale)


def _class_sums(shape: tuple[int, int], block: Block) -> np.ndarray:
    """Return the sums of each class, (classes, d) float64."""
    sums = np.zeros(shape)
    for index in np.unique(block.classes):
        sums[index] = block.rows[block.classes == index].sum(axis=0, dtype=np.float64)
    return sums


def _squared_deviations(mean: np.ndarray, block: Block) -> np.ndarray:
    """Return the summed squares of the deviations, (d,) float64."""
    centred = block.rows - mean
    return np.asarray(np.einsum("ij,ij->j", centred, centred))


@dataclass(frozen=True)
class Settings:
    """How a classifier is fitted."""

    regularization: float = 1e-3  # of the L2 penalty
    max_iterations: int = 100  # of L-BFGS
    tolerance: float = 1e-6  # relative decrease of the objective below which it stops


@dataclass(frozen=True)
class CrossEntropy(Sum):
    """The loss of some rows: their number, summed loss, summed gradient (classes, d + 1) float64."""

    count: int
    loss: float
    gradient: np.ndarray


def fit_softmax(
    examples: Examples,
    scaling: Scaling,
    settings: Settings,
    step: int,
    start: np.ndarray | None = None,
    trace: Callable[[str], None] | None = None,
) -> tuple[np.ndarray, tuple[float, ...]]:
    """Minimise the objective over the rows up to a step, strictly convex, from these weights or from 0.

    Returns (classes, d + 1) float64 weights on standardised columns, intercepts last, and its value after
    each iteration.
    """
    classes, length = scaling.centres.shape
    shape, losses = (classes, length + 1), list[float]()

    def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(shape)
        total = examples.total(cross_entropy, (weights.astype(np.float32), scaling, step), weights.nbytes)
        penalty, gradient = settings.regularization * weights, total.gradient / total.count
        penalty[:, -1] = 0
        gradient += penalty
        return total.loss / total.count + float(np.vdot(penalty, weights)) / 2, gradient.ravel()

    def follow(intermediate_result: object) -> None:
        losses.append(float(intermediate_result.fun))  # type: ignore[attr-defined]
        if trace:
            trace(f"  iteration {len(losses)}: loss {losses[-1]:.6f}")

    result = minimize(
        loss_and_gradient,
        (np.zeros(shape) if start is None else start).ravel(),
        method="L-BFGS-B",
        jac=True,
        callback=follow,
        options={"maxiter": settings.max_iterations, "ftol": settings.tolerance} | MINIMISER,
    )
    return result.x.reshape(shape), tuple(losses)


def cross_entropy(candidate: tuple[np.ndarray, Scaling, int], block: Block) -> CrossEntropy:
    """Return loss and gradient of (classes, d + 1) float32 weights on the rows of a block up to a step."""
    weights, scaling, step = candidate
    chosen = block.steps <= step
    rows, classes = scaling.standardised(block.rows[chosen]), block.classes[chosen]
    logits = rows @ weights[:, :-1].T + weights[:, -1]
    logits -= logits.max(axis=1, keepdims=True, initial=-np.inf)
    own = (np.arange(len(rows)), classes)
    own_logits = logits[own]
    probabilities = np.exp(logits, out=logits)
    totals = probabilities.sum(axis=1, keepdims=True)
    loss = float((np.log(totals[:, 0]) - own_logits).sum(dtype=np.float64))
    probabilities /= totals
    probabilities[own] -= 1
    gradient = np.empty(weights.shape)
    gradient[:, :-1] = probabilities.T @ rows
    gradient[:, -1] = probabilities.sum(axis=0, dtype=np.float64)
    return CrossEntropy(len(rows), loss, gradient)
