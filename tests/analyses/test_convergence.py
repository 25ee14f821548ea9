"""Convergence: growing samples, the components they need, and the run that shows it."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

from spark_job.analyses.convergence import components_needed, sample_moments
from spark_job.analyses.runs import VectorTable
from spark_job.arrow_tables import part_uris, texts, vectors, write_part
from spark_job.commands.analyses import convergence_command
from spark_job.contract.errors import MisuseError
from spark_job.errors import ReductionError
from spark_job.images.sampling import draw
from spark_job.reduction.principal_components import Moments
from spark_job.session import open_session
from spark_job.storage import Folder
from tests.spark import photographs
from tests.spark.runs import run

COUNTS = {"a": 30, "b": 12, "c": 4}
ROWS = np.random.default_rng(8).normal(size=(46, 6)).astype(np.float32)
LABELS = [label for label, count in COUNTS.items() for _ in range(count)]
PATHS = [f"/{label}/{number}.jpg" for number, label in enumerate(LABELS)]
SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("features", pa.list_(pa.float32())),
        ("error", pa.string()),
    ]
)


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> list[str]:
    """A features table in three parts; one image more that could not be used."""
    folder = Folder(str(tmp_path_factory.mktemp("features")))
    for number, places in enumerate(np.array_split(np.random.default_rng(1).permutation(46), 3)):
        rows: list[np.ndarray | None] = [ROWS[place] for place in places]
        columns = [
            texts([*(PATHS[place] for place in places), "/a/broken.jpg"]),
            texts([*(LABELS[place] for place in places), "a"]),
            texts(["" for _ in (*places, None)]),
            vectors([*rows, None], np.float32),
            texts([*([None] * len(places)), "broken"]),
        ]
        write_part(folder, number, [pa.RecordBatch.from_arrays(columns, schema=SCHEMA)], SCHEMA)
    return part_uris(folder)


def chosen(seed: int, per_class: int) -> list[int]:
    """The rows with the smallest draws of each class."""
    order = sorted(range(46), key=lambda place: draw(seed, PATHS[place]))
    return [place for label in COUNTS for place in [one for one in order if LABELS[one] == label][:per_class]]


@pytest.mark.parametrize("seed", [0, 1])
def test_samples_take_so_many_of_each_class(parts, seed):
    """The smallest draws, whichever part they lie in; a small class gives all it has."""
    table = VectorTable(tuple(parts), "features", 6)
    found = sample_moments(open_session("tests").sparkContext, table, (3, 10), seed)
    assert [one.count for one in found] == [9, 24]
    for moments, per_class in zip(found, (3, 10), strict=True):
        rows = ROWS[chosen(seed, per_class)].astype(np.float64)
        np.testing.assert_allclose(moments.mean, rows.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(moments.scatter, np.cov(rows.T) * (len(rows) - 1), atol=1e-10)


@pytest.mark.parametrize("standardize", [True, False])
def test_components_needed_are_those_of_a_singular_value_decomposition(standardize):
    """NumPy's SVD of the centred rows is the reference."""
    rows = (ROWS @ np.diag([9, 5, 3, 2, 1, 0.5])).astype(np.float64)
    moments = Moments.of([rows])
    assert moments is not None
    centred = rows - rows.mean(axis=0)
    if standardize:
        centred /= rows.std(axis=0)
    squares = np.square(np.linalg.svd(centred, compute_uv=False))
    held = np.cumsum(squares) / squares.sum()
    found = components_needed(moments, (0.7, 0.8, 0.95))[standardize]
    assert found == {share: int((held < share).sum()) + 1 for share in (0.7, 0.8, 0.95)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_extractor) -> Path:
    """The convergence of a small run, by the command."""
    folder = tmp_path_factory.mktemp("convergence")
    images = photographs.write_archive(folder / "images", {"a": 14, "b": 9})
    run(images, folder / "results", tiny_extractor)
    words = ["--features", folder / "results" / "run", "--results", folder / "results", "--run-id", "grown"]
    answer = CliRunner().invoke(
        convergence_command, [*map(str, words), "--samples=4,8,50", "--seeds=2", "--shares=0.7,0.9"]
    )
    assert answer.exit_code == 0, answer.output
    return folder / "results" / "grown"


def test_metrics_name_every_sample_share_and_seed(finished):
    """A size that takes all images is left to `all`."""
    metrics = json.loads((finished / "metrics.json").read_text())
    assert metrics["images"] == {"4": 8, "8": 16, "all": 23}
    for kind in ("raw", "standardized"):
        found = metrics["convergence"][kind]
        assert {share: {name: len(seeds) for name, seeds in one.items()} for share, one in found.items()} == {
            share: {"4": 2, "8": 2, "all": 1} for share in ("0.70", "0.90")
        }
        assert found["0.70"]["all"][0] <= found["0.90"]["all"][0] <= 12


def test_all_images_need_what_the_pipeline_keeps(finished, tiny_extractor):
    """The same count as a run that asks for that share."""
    found = json.loads((finished / "metrics.json").read_text())["convergence"]["standardized"]["0.90"]["all"]
    curve = json.loads((finished.parent / "run" / "reduction" / "fit.json").read_text())
    held = np.cumsum(curve["explained_variance_ratio"])
    assert found == [int((held < 0.9).sum()) + 1]


def test_the_report_links_to_its_run_and_has_both_charts(finished):
    """As page and as PNG files."""
    assert "../../run/report/index.html" in (finished / "report" / "index.html").read_text()
    for name in ("convergence_raw.png", "convergence_standardized.png"):
        assert (finished / "report" / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("option", "message"),
    [("--samples=30,10", "each larger than the one before"), ("--shares=1.5", "above 0, at most 1")],
)
def test_requests_without_an_answer_are_refused(option, message, tmp_path):
    """Before anything is read."""
    with pytest.raises(MisuseError, match=message):
        convergence_command.main(["--features=none", f"--results={tmp_path}", option], standalone_mode=False)


def test_too_many_features_are_refused(finished, tmp_path, monkeypatch):
    """The covariance would not fit; the message says what does."""
    monkeypatch.setattr("spark_job.analyses.convergence.MAX_COVARIANCE_COLUMNS", 11)
    with pytest.raises(ReductionError, match="12 features are more than convergence can follow"):
        convergence_command.main(
            [f"--features={finished.parent / 'run'}", f"--results={tmp_path}"], standalone_mode=False
        )
