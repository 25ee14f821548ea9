"""What the features say of a photograph: whether it fits its own class, and whether another split has it too.

Distances to class centres are in units of the spread within classes, as in linear discriminant analysis: one
covariance for all, from the components. For leaks every image of the smaller splits is compared with all of
the others, in blocks: the time grows with the product of their numbers.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spark_job.analyses.checking.findings import Finding
from spark_job.analyses.runs import VectorTable, directions
from spark_job.images.listing import ListedFile, listed_files
from spark_job.session import Sum, Sums

MAX_COMPONENTS = 256  # the first components hold most of the variance; more would cost memory as their square
ENOUGH_FOR_LEAKS = 50  # with fewer, different photographs point the same way (docs/analyses/check.md)
MAX_DISTANCES = 4 * 1024**2  # of images to centres, at once: 32 MiB, and as much again on the way
MIN_FOR_QUARTILES = 8  # quartiles of fewer distances say nothing


@dataclass
class ClassSums(Sum):
    """Sums over images."""

    counts: Counter[str] = field(default_factory=Counter)  # class -> images
    sums: Sums[str, np.ndarray] = field(default_factory=Sums)  # class -> sum of components, (d,) float64
    products: np.ndarray | float = 0.0  # (d, d) float64, sum of the outer products of all


def sum_part(table: VectorTable, uri: str) -> ClassSums:
    """Return the sums over the images of one part."""
    total = ClassSums()
    for batch, vectors in table.rows(uri):
        rows, labels = vectors[:, :MAX_COMPONENTS], np.array(batch.column("label").to_pylist(), object)
        counts = Counter(labels.tolist())
        sums = Sums({label: rows[labels == label].sum(axis=0) for label in counts})
        total += ClassSums(counts, sums, rows.T @ rows)
    return total


@dataclass(frozen=True)
class ClassModel:
    """Centres of the classes."""

    labels: tuple[str, ...]  # of the c classes with two images or more, by name
    counts: np.ndarray  # (c,) images
    centres: np.ndarray  # (c, d), whitened
    whitening: np.ndarray  # (d, d): components times this have variance 1 within classes

    @classmethod
    def of(cls, sums: ClassSums) -> "ClassModel | None":
        """Return the model; None when no class has two images, or all images of each class are the same."""
        labels = tuple(sorted(label for label, count in sums.counts.items() if label and count > 1))
        images, dimension = sums.counts.total(), np.shape(sums.products)[-1]
        between = sum(np.outer(one, one) / sums.counts[label] for label, one in sums.sums.items())
        freedom = images - len(sums.counts)
        if not labels or freedom < 1:
            return None
        within = (sums.products - between) / freedom
        level = float(np.trace(within)) / dimension
        if level <= 0:
            return None
        # Shrunk towards a sphere, the more the fewer images there are for so many components.
        share = dimension / (freedom + dimension)
        values, vectors = np.linalg.eigh((1 - share) * within + share * level * np.eye(dimension))
        whitening = vectors / np.sqrt(values)
        counts = np.array([sums.counts[label] for label in labels])
        centres = np.stack([sums.sums[label] for label in labels]) / counts[:, None]
        return cls(labels, counts, centres @ whitening, whitening)

    def distances(self, rows: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Return (n, c) distances of (n, k) components to the centres, given the (n,) codes of their classes.

        Each image is left out of the centre of its own class, which it would draw towards itself.
        """
        white = rows[:, :MAX_COMPONENTS] @ self.whitening
        squares = (white**2).sum(axis=1)[:, None] - 2 * white @ self.centres.T + (self.centres**2).sum(axis=1)
        distances: np.ndarray = np.sqrt(np.maximum(squares, 0))
        distances[np.arange(len(rows)), codes] *= self.counts[codes] / (self.counts[codes] - 1)
        return distances

    def _judged(
        self, labels: list[str], rows: np.ndarray
    ) -> Iterator[tuple[list[int], np.ndarray, np.ndarray]]:
        """Yield (places, classes, distances) of the rows whose class has a centre, some at a time."""
        number = {label: code for code, label in enumerate(self.labels)}
        judged = [place for place, label in enumerate(labels) if label in number]
        most = max(1, MAX_DISTANCES // len(self.labels))
        for first in range(0, len(judged), most):
            places = judged[first : first + most]
            codes = np.array([number[labels[place]] for place in places], np.int64)
            yield places, codes, self.distances(rows[places], codes)

    def own_distances(self, table: VectorTable, uri: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return (class, distance to its centre) of the images of one part, 8 bytes each."""
        batches = []
        for batch, rows in table.rows(uri):
            labels: list[Any] = batch.column("label").to_pylist()
            for _, codes, distances in self._judged(labels, rows):
                own = distances[np.arange(len(codes)), codes]
                batches.append((codes.astype(np.int32), own.astype(np.float32)))
        return batches

    def far_bounds(self, batches: list[tuple[np.ndarray, np.ndarray]], factor: float) -> np.ndarray:
        """Return (c,) distances beyond which images of a class are unusual: Q3 + factor (Q3 - Q1)."""
        codes, distances = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
        bounds = np.full(len(self.labels), np.inf)
        for code in range(len(self.labels)):
            own = distances[codes == code]
            if len(own) >= MIN_FOR_QUARTILES:
                first, third = np.percentile(own, [25, 75])
                bounds[code] = third + factor * (third - first)
        return bounds

    def findings(self, table: VectorTable, uri: str, bounds: np.ndarray) -> Iterator[Finding]:
        """Yield the images of one part that fit their class least: nearer to another, far from its centre."""
        for batch, rows in table.rows(uri):
            images = listed_files(batch)
            for places, codes, distances in self._judged([image.label for image in images], rows):
                for place, code, to_centres in zip(places, codes.tolist(), distances, strict=True):
                    own, nearest = float(to_centres[code]), int(to_centres.argmin())
                    if nearest != code:
                        # Of its own class, if classes were normal and equally frequent.
                        densities = np.exp((to_centres[nearest] ** 2 - to_centres**2) / 2)
                        probability = float(densities[code] / densities.sum())
                        yield Finding(images[place], "label_doubtful", probability, self.labels[nearest])
                    if own > bounds[code]:
                        yield Finding(images[place], "unusual", float(bounds[code]) / own)


def leak_findings(
    table: VectorTable, centre: np.ndarray | float, uri: str, splits: Sequence[str], least: float
) -> Iterator[Finding]:
    """Yield images outside of the first split with a cosine of at least `least` to another split's."""
    number = {split: code for code, split in enumerate(splits)}
    for batch, rows in table.rows(uri):
        images = listed_files(batch)
        places = [place for place, image in enumerate(images) if number.get(image.split, 0)]
        if not places:
            continue
        chosen = [images[place] for place in places]
        cosines, partners = _most_alike(table, centre, chosen, rows[places], number)
        for image, cosine, partner in zip(chosen, cosines.tolist(), partners, strict=True):
            if partner is not None and cosine >= least:
                yield Finding(image, "leak", max(1 - cosine, 0.0), partner.path, partner)


def _most_alike(
    table: VectorTable,
    centre: np.ndarray | float,
    images: list[ListedFile],
    rows: np.ndarray,
    number: Mapping[str, int],
) -> tuple[np.ndarray, list[ListedFile | None]]:
    """Return for each image the largest cosine with an image of another split, and that image."""
    splits = np.array([number[image.split] for image in images])
    cosines = np.full(len(images), -np.inf)
    partners: list[ListedFile | None] = [None for _ in images]
    pointing = directions(rows - centre)
    for uri in table.parts:
        for batch, others in table.rows(uri):
            listed = listed_files(batch)
            theirs = np.array([number.get(image.split, -1) for image in listed])
            products = pointing @ directions(others - centre).T
            products[(splits[:, None] == theirs) | (theirs < 0)] = -np.inf
            places = products.argmax(axis=1)
            largest = products[np.arange(len(products)), places]
            for row in np.flatnonzero(largest > cosines).tolist():
                cosines[row], partners[row] = largest[row], listed[places[row]]
    return cosines, partners
