"""What a run did is said from EMR's answers and the run's own files."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from operate.emr.clusters import Cluster, Node
from operate.emr.steps import Step
from rehearsal.errors import RehearsalError
from rehearsal.full_run.summary import cluster_lines, run_lines

MOMENT = datetime(2026, 11, 21, 12, tzinfo=UTC)
METRICS = {
    "images": {"listed": 482, "usable": 480, "rejected": 2, "skipped": 0},
    "features": {"length": 1280, "images_per_second": 61.4},
    "reduction": {"components": 23, "explained_variance_ratio": 0.8031},
}
MANIFEST = {"extractor": {"specification": {"model": "efficientnet_lite0"}}}


def run_folder(folder, metrics):
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    return folder


def test_it_names_cluster_nodes_and_steps():
    """One line each."""
    cluster = Cluster("j-1", "n", "WAITING", "", MOMENT, MOMENT, None, "emr-7.13.0")
    ended = MOMENT + timedelta(seconds=41)
    step = Step("s-1", "fruit-features-dev-run-1", "COMPLETED", (), MOMENT, MOMENT, ended, "")
    nodes = [
        Node(f"ci-{fleet}", "i-1", fleet, "m5.xlarge", "ON_DEMAND", "RUNNING", False, MOMENT, None)
        for fleet in ("f1", "f2", "f2", "f3")
    ]
    assert cluster_lines(cluster, [step], nodes, {"f1": "MASTER", "f2": "CORE", "f3": "TASK"}) == [
        "cluster   j-1 WAITING, nodes: 1 primary, 2 core, 1 task",
        "step      s-1 COMPLETED after 41 s, fruit-features-dev-run-1",
    ]


def test_it_names_counts_components_speed_and_places(tmp_path):
    """One line each."""
    assert run_lines(run_folder(tmp_path, METRICS)) == [
        "images    482 listed = 480 usable + 2 rejected + 0 skipped",
        "features  1,280 each by efficientnet_lite0, 61 images/s",
        "PCA       23 components keep 80.3% of the variance",
        f"results   {tmp_path}",
        f"report    {tmp_path}/report/index.html",
    ]


def test_an_empty_run_has_no_features_and_no_components(tmp_path):
    """As the job writes them: null."""
    empty = {
        "images": {"listed": 0, "usable": 0, "rejected": 0, "skipped": 0},
        "features": {"length": 1280, "images_per_second": None},
        "reduction": {"components": None, "explained_variance_ratio": None},
    }
    words = [line.split()[0] for line in run_lines(run_folder(tmp_path, empty))]
    assert words == ["images", "results", "report"]


def test_a_run_without_its_metrics_is_an_error(tmp_path):
    """Though its step succeeded."""
    with pytest.raises(RehearsalError, match=r"its run has no metrics\.json: look at the driver's log"):
        run_lines(tmp_path)
