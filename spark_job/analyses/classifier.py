"""A softmax classifier on the features of a frozen network: its head, its limits, its files.

The head is saved as MLlib saves a LogisticRegressionModel (layout: its writer, Spark 3.5); plain PySpark
loads it. The limits are those of docs/decisions/0011.
"""

import io
import json
from dataclasses import asdict, dataclass
from shlex import quote
from typing import Any, Self

import numpy as np
import pyarrow as pa
from scipy.special import softmax

from spark_job.analyses.runs import SourceRun, directions
from spark_job.arrow_tables import numbers
from spark_job.contract import run_layout as layout
from spark_job.contract.errors import MisuseError
from spark_job.contract.image_names import FOLDER
from spark_job.contract.manifest import write_json
from spark_job.contract.uris import contains, normalise, real_place
from spark_job.errors import StorageError, read_as_written
from spark_job.extractors.specification import Extractor
from spark_job.reduction import mllib_files as mllib
from spark_job.reduction.principal_components import Reduction
from spark_job.storage import Folder

TOP = 5  # how many of the most probable classes are named
_SIZES = {"numClasses": "integer", "numFeatures": "integer"}
_NUMBERS = {"interceptVector": mllib.VECTOR, "coefficientMatrix": mllib.MATRIX}
SCHEMA = mllib.spark_schema({**_SIZES, **_NUMBERS, "isMultinomial": "boolean"})
FORMAT = 1
DESCRIPTION = "classifier.json"
NOVELTY = "novelty.npz"


@dataclass(frozen=True)
class Head:
    """A softmax over linear scores: (classes, d) coefficients and (classes,) intercepts, float64."""

    coefficients: np.ndarray
    intercepts: np.ndarray

    @classmethod
    def of_standardised(cls, weights: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> "Head":
        """Return the head on plain columns that equals these weights on `(column - mean) * scale`."""
        coefficients = weights[:, :-1] * scale
        return cls(coefficients, weights[:, -1] - coefficients @ mean)

    def behind(self, reduction: Reduction) -> "Head":
        """Return the head on features that equals this head on components; both steps are linear."""
        coefficients = (self.coefficients @ reduction.loadings.T) * reduction.scale
        return Head(coefficients, self.intercepts - coefficients @ reduction.mean)

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, classes) float64, each row with sum 1, for (n, d) rows of any float type."""
        scores = np.asarray(rows, np.float64) @ self.coefficients.T + self.intercepts
        return np.asarray(softmax(scores, axis=1))


@dataclass(frozen=True)
class Novelty:
    """When an image is like none that was trained on."""

    mean: np.ndarray  # (d,) float32, of the columns
    scale: np.ndarray  # (d,) float32
    centres: np.ndarray  # (classes, d) float32, standardised means of the classes, of length 1
    max_distance: float = np.inf  # an image further from the nearest centre is flagged; cosine, 0 to 2
    min_probability: float = 0.0  # an image whose most probable class is below is flagged

    @classmethod
    def of(cls, mean: np.ndarray, scale: np.ndarray, centres: np.ndarray) -> "Novelty":
        """Return the limits that flag nothing: they are not calibrated yet."""
        single = np.float32
        return cls(mean.astype(single), scale.astype(single), directions(centres).astype(single))

    def distances(self, rows: np.ndarray) -> np.ndarray:
        """Return (n,) cosine distances to the nearest centre, for (n, d) float32 rows."""
        return np.asarray(1 - (directions((rows - self.mean) * self.scale) @ self.centres.T).max(axis=1))

    def flagged(self, probability: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Return (n,) bool: too improbable or too far away."""
        return np.asarray((probability < self.min_probability) | (distance > self.max_distance))

    def to_bytes(self) -> bytes:
        content = io.BytesIO()
        np.savez(content, **vars(self))
        return content.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        with np.load(io.BytesIO(content)) as arrays:
            limits: dict[str, Any] = {name: one if one.ndim else float(one) for name, one in arrays.items()}
        return cls(**limits)


def save_classifier(folder: Folder, head: Head, regularization: float) -> None:
    """Save the model; its input column `features` is a vector, its classes are numbered from 0."""
    given = {"family": "multinomial", "featuresCol": "features", "regParam": regularization}
    given["standardization"] = True
    mllib.write_metadata(folder, "classification.LogisticRegressionModel", "LogisticRegression_head", given)
    true = pa.Array.from_buffers(pa.bool_(), 1, [None, pa.py_buffer(b"\x01")])
    classes, length = (numbers(np.array([size], np.int32)) for size in head.coefficients.shape)
    vector, matrix = mllib.dense_vectors(head.intercepts[None]), mllib.dense_matrix(head.coefficients)
    mllib.write_data(folder, [classes, length, vector, matrix, true], SCHEMA)


def load_classifier(folder: Folder) -> Head:
    """Read the head that `save_classifier` wrote; StorageError: there is no such model."""
    data = mllib.read_data(folder, SCHEMA)
    intercepts = mllib.doubles(data["interceptVector"].field("values"))
    matrix = mllib.doubles(data["coefficientMatrix"].field("values"))
    return Head(matrix.reshape(-1, intercepts.size).T, intercepts)


@dataclass(frozen=True)
class Description:
    """`classifier.json`."""

    on: str  # the table it was trained on, `features` or `components`; it takes features in either case
    classes: tuple[str, ...]  # their names; the head numbers them so
    feature_length: int
    extractor: str  # where the extractor lay that computed the features
    extractor_fingerprint: str  # of it
    format: int = FORMAT
    labels: str = FOLDER  # the `--labels` of the run that it learnt from
    label: str = ""  # the column of that table of labels that it learnt; empty: there was no table


@dataclass(frozen=True)
class SavedClassifier:
    """Everything that recognising an image needs, but the network."""

    description: Description
    head: Head
    novelty: Novelty
    results: str = ""  # URI of the folder that its run lies in; empty: it was not read from one

    def save(self, run: Folder, regularization: float) -> None:
        folder = run.at(layout.CLASSIFIER)
        save_classifier(folder.at(self.description.on), self.head, regularization)
        folder.write(NOVELTY, self.novelty.to_bytes())
        folder.write(DESCRIPTION, write_json(asdict(self.description)))

    @classmethod
    def of_run(cls, run: SourceRun) -> "SavedClassifier":
        """Read `classifier/` of a run; StorageError: a file is missing, or was written by another version."""
        folder = run.folder.at(layout.CLASSIFIER)
        text, novelty = folder.read(DESCRIPTION), folder.read(NOVELTY)
        if text is None or novelty is None:
            raise StorageError(f"{folder.uri} is not complete: train again")
        with read_as_written(folder.uri):
            values = json.loads(text)
            if (found := values.get("format")) != FORMAT:
                raise StorageError(f"{folder.uri} has format {found!r}, not {FORMAT}: train again")
            description = Description(**{**values, "classes": tuple(values["classes"])})
            if description.on not in ("features", "components"):
                raise ValueError(f"trained on {description.on!r}")
            head = load_classifier(folder.at(description.on))
            limits = Novelty.from_bytes(novelty)
            shape = (len(description.classes), description.feature_length)
            if not head.coefficients.shape == limits.centres.shape == shape:
                raise ValueError(f"{head.coefficients.shape} numbers for {shape}")
        return cls(description, head, limits, run.uri.rpartition("/")[0])

    def open_extractor(self, uri: str | None, fingerprint: str | None = None) -> Extractor:
        """Open the extractor that belongs to the head; MisuseError, ExtractorError: it is not that.

        A results folder may be somebody else's, and a network is read by large libraries: one that
        the folder names is read only if it lies where the model lies, or if its fingerprint is known.
        """
        place = normalise(uri or self.description.extractor)
        if not uri and not fingerprint and not contains(real_place(self.results), real_place(place)):
            raise MisuseError(
                f"the model names an extractor outside of its results, {place}: if that is your own, add "
                f"--extractor {quote(place)}; if not, ask who made it, and give --extractor-fingerprint"
            )
        extractor = Extractor.open(Folder(place))
        if fingerprint and fingerprint != extractor.specification.fingerprint:
            raise MisuseError(
                f"{extractor.folder.uri} has the fingerprint {extractor.specification.fingerprint}, not "
                f"{fingerprint}: do not use it"
            )
        if difference := extractor.specification.difference(self.description.extractor_fingerprint):
            raise MisuseError(
                f"{extractor.folder.uri}: this classifier was trained on features of {difference}: name its "
                "extractor with --extractor, or train it anew on a run of this version"
            )
        return extractor
