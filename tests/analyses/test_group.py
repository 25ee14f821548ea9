"""`group` on made photographs whose groups are known."""

import csv
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import adjusted_rand_score, homogeneity_score

from spark_job.analyses.grouping.analysis import group, plane_positions
from spark_job.analyses.grouping.kmeans import (
    agreement,
    best,
    find_centres,
    nearest_centres,
    numbers_to_try,
    try_each,
)
from spark_job.contract.errors import MisuseError
from spark_job.contract.run_options import ComponentRequest
from spark_job.session import open_session
from tests.spark import photographs
from tests.spark.runs import run

COLOURS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (40, 60, 200)}


def context():
    return open_session("tests").sparkContext


@pytest.fixture(scope="module")
def source(tiny_extractor, tmp_path_factory):
    """RESULTS/RUN_ID of a run over three kinds of nearly plain photographs, 12 of each."""
    folder = tmp_path_factory.mktemp("group")
    for number, (label, colour) in enumerate(COLOURS.items()):
        (folder / "images" / label).mkdir(parents=True)
        for index in range(12):
            random = np.random.default_rng(100 * number + index)
            pixels = np.clip(np.array(colour) + random.integers(-25, 26, (16, 16, 3)), 0, 255).astype(
                np.uint8
            )
            (folder / "images" / label / f"{index}.png").write_bytes(photographs.encoded(pixels, "PNG"))
    request = ComponentRequest(None, 3)
    return run(folder / "images", folder / "results", tiny_extractor, request=request).folder


@pytest.fixture(scope="module")
def grouped(source):
    """A grouping whose k the silhouette chose."""
    group(str(source), str(source.parent), context, lambda line: None, k_range=(2, 6), run_id="groups")
    return source.parent / "groups"


def metrics_of(folder: Path):
    return json.loads((folder / "metrics.json").read_text())


def test_the_silhouette_finds_the_kinds(grouped):
    """Three kinds are three clusters that are the folders."""
    metrics = metrics_of(grouped)
    assert metrics["clusters"]["k"] == 3
    assert metrics["clusters"]["sizes"] == [12, 12, 12]
    assert [trial["k"] for trial in metrics["clusters"]["tried"]] == [2, 3, 4, 5, 6]
    assert metrics["agreement"] == pytest.approx(
        {"adjusted_rand": 1, "normalized_mutual_information": 1, "homogeneity": 1}
    )


def test_every_image_has_one_cluster(grouped, source):
    """In the table and in the CSV, with the same distance, which is that to the nearest centre."""
    rows = sorted(pq.read_table(grouped / "clusters").to_pylist(), key=lambda row: row["path"])
    with (grouped / "clusters.csv").open(newline="") as file:
        lines = sorted(csv.DictReader(file), key=lambda row: row["path"])
    paths = sorted(row["path"] for row in pq.read_table(source / "reduction" / "components").to_pylist())
    assert [row["path"] for row in rows] == paths
    assert [(row["path"], str(row["cluster"])) for row in rows] == [
        (line["path"], line["cluster"]) for line in lines
    ]
    assert [row["distance"] for row in rows] == pytest.approx([float(line["distance"]) for line in lines])


def test_the_report_shows_members_and_links_to_its_source(grouped):
    page = (grouped / "report" / "index.html").read_text()
    assert "Cluster 3: nearest to its centre" in page
    assert 'href="../../run/report/index.html"' in page
    assert (grouped / "report" / "map.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_seed_gives_the_same_clusters(grouped, source):
    """A second grouping agrees in every number but the time."""
    group(str(source), str(source.parent), context, lambda line: None, k_range=(2, 6), run_id="again")
    first, second = metrics_of(grouped), metrics_of(source.parent / "again")
    del first["seconds"], second["seconds"]
    assert first == second


def test_more_clusters_than_images_are_refused(source, tmp_path):
    """Before anything but the folder is made; the message says how many there may be."""
    with pytest.raises(MisuseError, match=r"--k 36: at most 35 clusters are possible"):
        group(str(source), str(tmp_path), context, lambda line: None, k=36)


def test_agreement_is_that_of_scikit_learn_on_single_images():
    """From counts of (cluster, folder); images without a folder do not count."""
    counts = {(1, "a"): 5, (1, "b"): 2, (2, "b"): 6, (3, "a"): 1, (2, ""): 9}
    truth = ["a"] * 5 + ["b"] * 2 + ["b"] * 6 + ["a"]
    clusters = [1] * 7 + [2] * 6 + [3]
    found = agreement(counts) or {}
    assert found["adjusted_rand"] == pytest.approx(adjusted_rand_score(truth, clusters))
    assert found["homogeneity"] == pytest.approx(homogeneity_score(truth, clusters))


def test_one_folder_is_nothing_to_agree_with():
    assert agreement({(1, "a"): 5, (2, "a"): 3, (2, ""): 3}) is None


def test_nearest_centres_are_those_of_all_distances():
    random = np.random.default_rng(1)
    rows, centres = random.normal(size=(50, 4)), random.normal(size=(6, 4))
    distances = np.linalg.norm(rows[:, None] - centres, axis=2)
    clusters, nearest = nearest_centres(rows, centres)
    assert (clusters == distances.argmin(axis=1) + 1).all()
    assert nearest == pytest.approx(distances.min(axis=1))


def test_the_largest_cluster_comes_first():
    rows = np.concatenate([np.zeros((3, 2)), np.full((9, 2), 5.0), np.full((6, 2), -5.0)]).astype(np.float32)
    assert find_centres(rows, 3, seed=0) == pytest.approx(np.array([[5, 5], [-5, -5], [0, 0]]), abs=1e-6)


def test_of_equal_silhouettes_fewer_clusters_win():
    rows = np.repeat(np.eye(4, dtype=np.float32), 5, axis=0)
    trials = try_each(rows, [2, 3], seed=0)
    assert best([trials[1], trials[1]]).k == 3
    assert best([*trials, *reversed(trials)]).silhouette == max(trial.silhouette for trial in trials)


def test_steps_grow_with_the_number_of_clusters():
    tried = numbers_to_try(2, 60)
    assert tried[:19] == list(range(2, 21))
    assert max(later / earlier for earlier, later in pairwise(tried[18:])) <= 1.1
    assert max(tried) <= 60


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (5, 1), (12, 4)])
def test_a_map_of_few_images_has_finite_places(shape):
    rows = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    positions = plane_positions(rows, seed=0)
    assert positions.shape == (shape[0], 2)
    assert np.isfinite(positions).all()
