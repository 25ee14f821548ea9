"""What a rehearsal prints: events as they happen; then its run in a few lines, and what was rewritten."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from operate.connection import Connection
from operate.emr.clusters import ROLE_NAMES, Cluster, Node
from operate.emr.steps import Step, list_steps
from rehearsal.errors import RehearsalError
from rehearsal.rewriting import EmulatedAws, rewrite_arguments, rewrite_configurations
from spark_job.contract.run_layout import MANIFEST, METRICS, REPORT

WIDTH = 7  # of `  123.4`, before the unit


class Timeline:
    """Prints events with their seconds; may be used from several threads."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.say, self._clock, self._begun = say, clock, clock()

    @contextmanager
    def event(self, name: str) -> Iterator[None]:
        """Print the event when the block has ended, or failed."""
        begun = self._clock()
        try:
            yield
        except BaseException:
            self._print(begun, f"{name}: failed")
            raise
        self._print(begun, name)

    def detail(self, text: str) -> None:
        """Print a line that belongs to an event under way."""
        self.say(f"{'':>{WIDTH + 4}}{text}")

    @property
    def seconds(self) -> float:
        return self._clock() - self._begun

    def _print(self, begun: float, text: str) -> None:
        self.say(f"{self._clock() - begun:{WIDTH}.1f} s  {text}")


SHARED = Path("/CLUSTER")  # stands for the cluster's folder, which only the emulator knows


def cluster_lines(
    cluster: Cluster, steps: Sequence[Step], nodes: Sequence[Node], roles: Mapping[str, str]
) -> list[str]:
    """Return a line for a cluster and all its nodes, and one for each step; `roles` is of fleets by id."""
    count = Counter(roles.get(node.fleet_id, "") for node in nodes)
    counted = ", ".join(f"{count[role]} {name}" for role, name in ROLE_NAMES.items() if count[role])
    lines = [f"cluster   {cluster.id} {cluster.state}, nodes: {counted}"]
    for step in steps:
        after = ""
        if step.started and step.ended:
            after = f" after {(step.ended - step.started).total_seconds():.0f} s"
        lines.append(f"step      {step.id} {step.state}{after}, {step.name}")
    return lines


def run_lines(folder: Path) -> list[str]:
    """Return counts, features, PCA and places. Raises RehearsalError: the run's folder is not complete."""
    try:
        metrics, manifest = (json.loads((folder / name).read_text("utf-8")) for name in (METRICS, MANIFEST))
    except FileNotFoundError as error:
        missing = f"the step succeeded and its run has no {Path(error.filename).name}"
        raise RehearsalError(f"{missing}: look at the driver's log") from error
    images, features, reduction = metrics["images"], metrics["features"], metrics["reduction"]
    counts = " + ".join(f"{images[kind]:,} {kind}" for kind in ("usable", "rejected", "skipped"))
    lines = [f"images    {images['listed']:,} listed = {counts}"]
    if features["images_per_second"]:
        model = manifest["extractor"]["specification"]["model"]
        speed = f"{features['images_per_second']:,.0f} images/s"
        lines.append(f"features  {features['length']:,} each by {model}, {speed}")
    if reduction["components"]:
        share = f"{reduction['explained_variance_ratio']:.1%} of the variance"
        lines.append(f"PCA       {reduction['components']} components keep {share}")
    return [*lines, f"results   {folder}", f"report    {folder / REPORT / 'index.html'}"]


def rewritten_settings(connection: Connection) -> list[str]:
    """Return a line for each change to the cluster's configurations and its steps' arguments."""
    emr, cluster_id = connection.client("emr"), connection.deployment.cluster_id
    aws = EmulatedAws(
        f"http://{urlsplit(emr.meta.endpoint_url).netloc}", connection.region, "", "", metadata="of each node"
    )
    listed = emr.describe_cluster(ClusterId=cluster_id)["Cluster"].get("Configurations", [])
    requested = {entry["Classification"]: entry.get("Properties", {}) for entry in listed}
    _, changes = rewrite_configurations(requested, aws=aws, place={}, shared=SHARED)
    for step in list_steps(emr, cluster_id):
        changes += rewrite_arguments(step.arguments, SHARED)[1]
    return [f"  {change}" for change in changes]
