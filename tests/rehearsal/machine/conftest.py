"""An S3 on the loopback interface, and one real cluster for all tests of YARN.

They live for one module: moto's `mock_aws`, which other tests use, empties every S3 of its process.
"""

import gzip
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3
from moto.server import ThreadedMotoServer

from rehearsal.emr.compute import BootstrapAction, ClusterSpec, Node, Program
from rehearsal.machine.cluster import Cluster, machine
from rehearsal.machine.jars import fetch_jars
from rehearsal.machine.log_bucket import s3_client
from rehearsal.rewriting import EmulatedAws

BUCKET = "data"
PRIMARY = Node("i-00000000000000001", "MASTER")
CORE = Node("i-00000000000000002", "CORE")
TASK = Node("i-00000000000000003", "TASK")
LABELS = {
    "yarn-site": {
        "yarn.node-labels.enabled": "true",
        "yarn.node-labels.am.default-node-label-expression": "CORE",
    },
    "spark-defaults": {"spark.yarn.am.nodeLabelExpression": "CORE", "spark.executor.memory": "9g"},
}
# Each node's own folder holds its own name and a Python of its own, as install.sh's does.
BOOTSTRAP = b"""
mkdir -p "$FRUIT_FEATURES_HOME"
echo "$1 in $TMPDIR" > "$FRUIT_FEATURES_HOME/note"
"$FRUIT_FEATURES_PYTHON" -m venv --without-pip "$FRUIT_FEATURES_HOME/venv"
"""


@dataclass(frozen=True)
class Place:
    """A cluster, and what tests look at beside it."""

    compute: Cluster
    spec: ClusterSpec
    home: Path
    s3: Any

    def run(self, step_id: str, *arguments: str, jar: str = "command-runner.jar") -> int:
        """Run a step to its end."""
        return self.compute.run(Program(step_id, jar, arguments)).wait()

    def log(self, name: str) -> str:
        """A log in S3, unpacked."""
        key = f"logs/emr/{self.spec.cluster_id}/{name}.gz"
        return gzip.decompress(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()).decode()

    def keys(self, prefix: str) -> list[str]:
        """Objects below the cluster's logs."""
        whole = f"logs/emr/{self.spec.cluster_id}/"
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=whole + prefix).get("Contents", [])
        return [each["Key"].removeprefix(whole) for each in listed]


@pytest.fixture(scope="module")
def aws():
    """An S3 with one bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    found = EmulatedAws(f"http://127.0.0.1:{server.get_host_and_port()[1]}", "eu-west-3", "fake", "fake")
    urllib3.request("POST", f"{found.endpoint}/moto-api/reset")  # what other modules of this process left
    s3 = s3_client(found)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    s3.put_object(Bucket=BUCKET, Key="bootstrap.sh", Body=BOOTSTRAP)
    yield found
    server.stop()


@pytest.fixture(scope="module")
def open_cluster(aws, tmp_path_factory):
    """Makes clusters that end with the tests."""
    fetch_jars()
    made = []

    def make(cluster_id: str, configurations: Any, *, runs_yarn: bool) -> Place:
        home = tmp_path_factory.mktemp("home")
        spec = ClusterSpec(cluster_id, configurations, f"s3://{BUCKET}/logs/emr/", runs_yarn)
        compute = machine(home, aws)(spec)
        assert isinstance(compute, Cluster)
        made.append(compute)
        return Place(compute, spec, home, s3_client(aws))

    yield make
    for compute in made:
        compute.stop()


@pytest.fixture(scope="module")
def small(open_cluster):
    """A cluster without YARN."""
    place = open_cluster("j-SMALL", {}, runs_yarn=False)
    place.compute.provision(PRIMARY)
    place.compute.start(PRIMARY)
    return place


@pytest.fixture(scope="module")
def yarn(open_cluster):
    """A cluster of a primary, a core and a task node, bootstrapped."""
    place = open_cluster("j-YARN", LABELS, runs_yarn=True)
    nodes = [PRIMARY, CORE, TASK]
    for node in nodes:
        place.compute.provision(node)
    with ThreadPoolExecutor() as pool:
        started = pool.submit(place.compute.start, PRIMARY)
        assert set(pool.map(lambda node: bootstrap(place, node), nodes)) == {0}
        started.result()
        list(pool.map(place.compute.join, [CORE, TASK]))
    return place


def bootstrap(place: Place, node: Node) -> int:
    """Run the bootstrap action on a node."""
    return place.compute.bootstrap(
        node, 1, BootstrapAction("prepare", f"s3://{BUCKET}/bootstrap.sh", [node.role])
    )
