"""What a run did is told from EMR's answers and the run's own files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from operate.emr.clusters import Cluster
from operate.emr.nodes import Node
from operate.emr.steps import Step
from rehearsal.full_run.summary import ClusterFacts, summary

MOMENT = datetime(2026, 11, 21, 12, tzinfo=UTC)
METRICS = {
    "images": {"listed": 482, "usable": 480, "rejected": 2, "skipped": 0},
    "features": {"length": 1280, "images_per_second": 61.4},
    "reduction": {"components": 23, "explained_variance_ratio": 0.8031},
}
MANIFEST = {"extractor": {"specification": {"model": "efficientnet_lite0"}}}


def facts():
    cluster = Cluster("j-1", "n", "WAITING", "", MOMENT, MOMENT, None, "emr-7.13.0", "", "")
    ended = MOMENT + timedelta(seconds=41)
    step = Step("s-1", "fruit-features-dev-run-1", "COMPLETED", (), MOMENT, MOMENT, ended, "", "")
    nodes = [
        Node(f"ci-{fleet}", "i-1", fleet, "m5.xlarge", "ON_DEMAND", "RUNNING", False, MOMENT, None)
        for fleet in ("f1", "f2", "f2", "f3")
    ]
    return ClusterFacts(cluster, [step], nodes, {"f1": "MASTER", "f2": "CORE", "f3": "TASK"})


def test_it_names_cluster_step_counts_components_speed_and_places():
    """One line each."""
    assert summary([facts()], METRICS, MANIFEST, Path("/r/run-1")) == [
        "cluster   j-1 WAITING, nodes: 1 primary, 2 core, 1 task",
        "step      s-1 COMPLETED after 41 s, fruit-features-dev-run-1",
        "images    482 listed = 480 usable + 2 rejected + 0 skipped",
        "features  1,280 each by efficientnet_lite0, 61 images/s",
        "PCA       23 components keep 80.3% of the variance",
        "results   /r/run-1",
        "report    /r/run-1/report/index.html",
    ]


def test_an_empty_run_has_no_features_and_no_components():
    """As the job writes them: null."""
    empty = {
        "images": {"listed": 0, "usable": 0, "rejected": 0, "skipped": 0},
        "features": {"length": 1280, "images_per_second": None},
        "reduction": {"components": None, "explained_variance_ratio": None},
    }
    words = [line.split()[0] for line in summary([], empty, MANIFEST, Path("/r/run-1"))]
    assert words == ["images", "results", "report"]
