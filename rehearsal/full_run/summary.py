"""What a rehearsal's run did, in a few lines: cluster, step, counts, PCA, speed, where the results are."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operate.emr.clusters import Cluster
from operate.emr.nodes import Node
from operate.emr.steps import Step

ROLE_ORDER = ("MASTER", "CORE", "TASK")
ROLE_NAMES = {"MASTER": "primary", "CORE": "core", "TASK": "task"}


@dataclass(frozen=True)
class ClusterFacts:
    """One cluster with its steps and every node that it has or had.

    Attributes:
        roles: Fleet id to MASTER, CORE or TASK.
    """

    cluster: Cluster
    steps: Sequence[Step]
    nodes: Sequence[Node]
    roles: dict[str, str]

    @property
    def nodes_by_role(self) -> str:
        """`1 primary, 2 core, 1 task`."""
        counted = Counter(self.roles.get(node.fleet_id, "") for node in self.nodes)
        return ", ".join(f"{counted[role]} {ROLE_NAMES[role]}" for role in ROLE_ORDER if counted[role])


def summary(
    clusters: Sequence[ClusterFacts], metrics: dict[str, Any], manifest: dict[str, Any], folder: Path
) -> list[str]:
    """The lines.

    Args:
        metrics, manifest: as docs/results-folder.md has them.
        folder: where the results were fetched to.
    """
    images, features, reduction = metrics["images"], metrics["features"], metrics["reduction"]
    counts = " + ".join(f"{images[kind]:,} {kind}" for kind in ("usable", "rejected", "skipped"))
    lines = [line for each in clusters for line in _of_cluster(each)]
    lines.append(f"images    {images['listed']:,} listed = {counts}")
    if features["images_per_second"]:
        model = manifest["extractor"]["specification"]["model"]
        speed = f"{features['images_per_second']:,.0f} images/s"
        lines.append(f"features  {features['length']:,} each by {model}, {speed}")
    if reduction["components"]:
        share = f"{reduction['explained_variance_ratio']:.1%} of the variance"
        lines.append(f"PCA       {reduction['components']} components keep {share}")
    return [*lines, f"results   {folder}", f"report    {folder / 'report' / 'index.html'}"]


def _of_cluster(facts: ClusterFacts) -> list[str]:
    lines = [f"cluster   {facts.cluster.id} {facts.cluster.state}, nodes: {facts.nodes_by_role}"]
    for step in facts.steps:
        taken = (step.ended - step.started).total_seconds() if step.started and step.ended else None
        seconds = f" after {taken:.0f} s" if taken is not None else ""
        lines.append(f"step      {step.id} {step.state}{seconds}, {step.name}")
    return lines
