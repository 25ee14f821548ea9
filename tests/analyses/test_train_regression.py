"""The classifier against MLlib's own, and its parts against plain NumPy and scikit-learn."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark.ml.classification import LogisticRegression, LogisticRegressionModel
from pyspark.ml.linalg import Vectors as MllibVectors
from pyspark.sql import SparkSession
from scipy.sparse import csr_array
from sklearn.metrics import confusion_matrix, precision_score, recall_score

from spark_job.analyses.classifier import Head, Novelty, load_classifier, save_classifier
from spark_job.analyses.runs import VectorTable
from spark_job.analyses.training.fitting import CALIBRATION_SHARE, Evaluation, calibrate, evaluate
from spark_job.analyses.training.softmax import (
    Block,
    Examples,
    Scaling,
    Settings,
    cross_entropy,
    fit_scaling,
    fit_softmax,
)
from spark_job.arrow_tables import numbers, part_uris, texts, vectors, write_part
from spark_job.contract.run_options import ComponentRequest
from spark_job.images.listing import ListedFile
from spark_job.reduction.principal_components import Moments, reduce_moments
from spark_job.session import Sums
from spark_job.storage import Folder
from tests.analyses.recognition_runs import spark

CLASSES, LENGTH, IMAGES = 4, 6, 240
RANDOM = np.random.default_rng(5)
LABELS = np.arange(IMAGES) % CLASSES
ROWS = (RANDOM.normal(size=(CLASSES, LENGTH))[LABELS] + RANDOM.normal(size=(IMAGES, LENGTH))).astype(
    np.float32
)
ROWS[:, 1] *= 30
ROWS[:, 2] += 100
ROWS[:, 5] = 7  # a column that says nothing
REGULARIZATION = 0.02
EXACT = Settings(REGULARIZATION, 300, 1e-12)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    """ROWS in three parts."""
    folder = Folder(str(tmp_path_factory.mktemp("table")))
    names = ["path", "label", "split", "size", "features"]
    for number, index in enumerate(np.array_split(np.arange(IMAGES), 3)):
        columns = [
            texts([f"/{i}.jpg" for i in index]),
            texts([str(LABELS[i]) for i in index]),
            texts([""] * len(index)),
            numbers(np.ones(len(index), np.int64)),
            vectors(ROWS[index], np.float32),
        ]
        batch = pa.RecordBatch.from_arrays(columns, names)
        write_part(folder, number, [batch], batch.schema)
    table = VectorTable(tuple(part_uris(folder)), "features", LENGTH)
    return Examples(spark(), table, lambda label, split, path: (int(label), 0), CLASSES)


@pytest.fixture(scope="module")
def scaling(examples: Examples) -> Scaling:
    return fit_scaling(examples, np.bincount(LABELS), LENGTH)


@pytest.fixture(scope="module")
def head(examples: Examples, scaling: Scaling) -> Head:
    return Head.of_standardised(fit_softmax(examples, scaling, EXACT, 0)[0], scaling.mean, scaling.scale)


def test_columns_and_classes_are_measured_as_numpy_does(scaling: Scaling) -> None:
    """Means, sample deviations, centres; a constant column counts for nothing."""
    deviation = ROWS.std(axis=0, ddof=1, dtype=np.float64)
    np.testing.assert_allclose(scaling.mean, ROWS.mean(axis=0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(scaling.scale[:5], 1 / deviation[:5], rtol=1e-6)
    assert scaling.scale[5] == 0
    centre = (ROWS[LABELS == 2].mean(axis=0, dtype=np.float64) - scaling.mean) * scaling.scale
    np.testing.assert_allclose(scaling.centres[2], centre, atol=1e-6)


def test_the_gradient_is_the_slope_of_the_loss(scaling: Scaling) -> None:
    """Against differences of the loss."""
    block = Block(ROWS, LABELS, np.zeros(IMAGES, int), [ListedFile("")] * IMAGES)
    weights = RANDOM.normal(size=(CLASSES, LENGTH + 1)).astype(np.float32)
    found = cross_entropy((weights, scaling, 0), block).gradient
    for place in ((0, 0), (3, 2), (1, LENGTH)):
        step = np.zeros_like(weights)
        step[place] = 0.05
        after, before = (cross_entropy((weights + sign * step, scaling, 0), block).loss for sign in (1, -1))
        assert found[place] == pytest.approx((after - before) / 0.1, rel=2e-3, abs=2e-3)


def test_it_finds_what_mllib_finds(head: Head) -> None:
    """The same objective has the same minimum: MLlib's own multinomial regression."""
    session = SparkSession.builder.getOrCreate()
    rows = [(float(label), MllibVectors.dense(row.tolist())) for label, row in zip(LABELS, ROWS, strict=True)]
    regression = LogisticRegression(family="multinomial", regParam=REGULARIZATION, maxIter=300, tol=1e-12)
    expected = regression.fit(session.createDataFrame(rows, ["label", "features"]))
    np.testing.assert_allclose(head.coefficients, expected.coefficientMatrix.toArray(), atol=2e-4)
    intercepts = head.intercepts - head.intercepts.mean()
    np.testing.assert_allclose(intercepts, expected.interceptVector.toArray(), atol=2e-2)


def test_plain_pyspark_loads_the_model(head: Head, tmp_path: Path) -> None:
    """MLlib's probabilities are the head's own."""
    save_classifier(Folder(str(tmp_path / "model")), head, REGULARIZATION)
    model = LogisticRegressionModel.load(str(tmp_path / "model"))
    assert (model.numClasses, model.numFeatures) == (CLASSES, LENGTH)
    found = [model.predictProbability(MllibVectors.dense(row.tolist())).toArray() for row in ROWS[:20]]
    np.testing.assert_allclose(found, head.probabilities(ROWS[:20]), atol=1e-9)


def test_the_model_is_read_as_it_was_saved(head: Head, tmp_path: Path) -> None:
    """Number by number."""
    save_classifier(Folder(str(tmp_path / "model")), head, REGULARIZATION)
    read = load_classifier(Folder(str(tmp_path / "model")))
    np.testing.assert_array_equal(read.coefficients, head.coefficients)
    np.testing.assert_array_equal(read.intercepts, head.intercepts)


def test_a_head_on_components_is_a_head_on_features() -> None:
    """With the reduction folded in it gives the same probabilities."""
    moments = Moments.of([ROWS])
    assert moments is not None
    reduction = reduce_moments(moments, ComponentRequest(None, 3))
    on_components = Head(RANDOM.normal(size=(CLASSES, 3)), RANDOM.normal(size=CLASSES))
    expected = on_components.probabilities(reduction.centred(ROWS) @ reduction.loadings)
    np.testing.assert_allclose(on_components.behind(reduction).probabilities(ROWS), expected, atol=1e-9)


def test_figures_are_those_of_scikit_learn(examples: Examples, head: Head, scaling: Scaling) -> None:
    """Confusions, precision and recall."""
    novelty = Novelty.of(scaling.mean, scaling.scale, scaling.centres)
    found = examples.total(evaluate, (head, novelty))
    predicted = head.probabilities(ROWS).argmax(axis=1)
    np.testing.assert_array_equal(found.confusion.toarray(), confusion_matrix(LABELS, predicted))
    np.testing.assert_allclose(found.precision, precision_score(LABELS, predicted, average=None))
    np.testing.assert_allclose(found.recall, recall_score(LABELS, predicted, average=None))
    assert found.accuracy == pytest.approx((predicted == LABELS).mean())
    assert 0 < found.accuracy < 1
    assert found.top_accuracy == 1  # of four classes the right one is among the first five


def test_the_most_confused_pairs_come_first() -> None:
    """By how often, and never a class with itself."""
    counts = csr_array([[9, 2, 0], [5, 9, 0], [1, 0, 9]])
    assert Evaluation(counts, 0, 0, Sums()).most_confused(3) == [(1, 0), (0, 1), (2, 0)]


def test_confused_images_are_remembered(examples: Examples, head: Head, scaling: Scaling) -> None:
    """Of each confusion the images that were taken for the other class with most confidence."""
    novelty = Novelty.of(scaling.mean, scaling.scale, scaling.centres)
    found = examples.total(evaluate, (head, novelty))
    probabilities = head.probabilities(ROWS)
    (true, taken), *_ = found.most_confused(1)
    confused = np.flatnonzero((true == LABELS) & (probabilities.argmax(axis=1) == taken))
    surest = confused[probabilities[confused, taken].argmax()]
    assert found.examples[true, taken][0][1][0].path == f"/{surest}.jpg"


def test_the_limits_flag_their_share_of_the_training_images(
    examples: Examples, head: Head, scaling: Scaling
) -> None:
    """And an image from far away."""
    novelty = calibrate(examples, head, scaling)
    distances, probability = novelty.distances(ROWS), head.probabilities(ROWS).max(axis=1)
    assert np.mean(distances > novelty.max_distance) == pytest.approx(CALIBRATION_SHARE, abs=0.005)
    assert np.mean(probability < novelty.min_probability) == pytest.approx(CALIBRATION_SHARE, abs=0.005)
    opposite = (scaling.mean - 40 * scaling.centres.sum(axis=0) - 40 * scaling.centres[0])[None]
    assert novelty.distances(opposite.astype(np.float32))[0] > distances.min()


def test_the_limits_are_read_as_they_were_saved(scaling: Scaling) -> None:
    """Arrays and numbers."""
    novelty = Novelty.of(scaling.mean, scaling.scale, scaling.centres)
    read = Novelty.from_bytes(novelty.to_bytes())
    np.testing.assert_array_equal(read.centres, novelty.centres)
    assert (read.max_distance, read.min_probability) == (np.inf, 0.0)
