"""What goes wrong in the middle of a run, each on the same cluster: a run is complete, or says why it is not.

The last tests take the disk of a node away, and then the server. In `make test` the loss of a task node
stands for all of them (tests/rehearsal/machine/test_yarn.py).
"""

import json
import signal
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from rehearsal.emulator.permissions.record import Replay
from rehearsal.permissions_report import Report
from rehearsal.processes import processes_of
from rehearsal.settings import INTERRUPT_PATH, PERMISSIONS_PATH
from tests.end_to_end.direct_cluster import (
    IMAGES,
    RESULTS,
    WAIT_SECONDS,
    DirectCluster,
    cluster_request,
    make_nodes_role,
    stage_files,
)
from tests.end_to_end.private_mounts import Serving, may_mount, serving
from tests.end_to_end.same_numbers import features_by_name, name_of
from tests.rehearsal.emulator.busy_s3 import SLOW_DOWN_PATH
from tests.rehearsal.emulator.conftest import Aws
from tests.spark.runs import RunResults
from tests.waiting import wait_until

pytestmark = [pytest.mark.timeout(1200), pytest.mark.story, pytest.mark.long]

# Copies of the archive: enough work for something to happen in the middle of it.
COPIES = 40
BUSY_SECONDS = 600
DISK_MEBIBYTES = 64


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """An AWS of its own: the last test kills it."""
    with serving(tmp_path_factory.mktemp("faults")) as server:
        yield server


@pytest.fixture(scope="module")
def aws(server: Any) -> Aws:
    """Its clients and programs."""
    return Aws(server)


@pytest.fixture(scope="module")
def keys(photographs: Path) -> list[str]:
    """What the archive's copies are called in S3."""
    names = [path.relative_to(photographs).as_posix() for path in photographs.rglob("*.jpg")]
    return [f"copy {copy:02}/{name}" for copy in range(COPIES) for name in names]


@pytest.fixture(scope="module")
def cluster(aws: Aws, artifacts: Path, photographs: Path, keys: list[str]) -> DirectCluster:
    """A primary, a core and a Spot task node, prepared by the real install script."""
    emr, s3 = aws.client("emr"), aws.client("s3")
    stage_files(s3)
    make_nodes_role(aws.client("iam"))
    markets = {"MASTER": "ON_DEMAND", "CORE": "ON_DEMAND", "TASK": "SPOT"}
    cluster_id = emr.run_job_flow(**cluster_request(markets))["JobFlowId"]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: put(s3, photographs, key), keys))
    cluster = DirectCluster(emr, s3, aws.server.settings.clusters, cluster_id)
    wait_until(lambda: cluster.state()["State"] == "WAITING", "the cluster is ready", WAIT_SECONDS)
    return cluster


def put(s3, photographs, key):
    """One copy of a photograph."""
    s3.put_object(Bucket=IMAGES, Key=key, Body=(photographs / key.partition("/")[2]).read_bytes())


@pytest.fixture(scope="module")
def check(cluster: DirectCluster, keys: list[str], direct: RunResults, tmp_path_factory):
    """Asserts that a run lost nothing, did nothing twice, and found what an undisturbed run finds."""
    folder, wanted = tmp_path_factory.mktemp("results"), features_by_name(direct)

    def check_run(run_id: str) -> None:
        run, once = (
            cluster.results(run_id, folder),
            dict.fromkeys([f"s3://{IMAGES}/{key}" for key in keys], 1),
        )
        assert Counter(row["path"] for row in run.features) == once
        assert Counter(row["path"] for row in run.components) == once
        assert run.metrics["images"]["usable"] == len(keys)
        for row in run.features:
            np.testing.assert_allclose(
                row["features"], wanted[name_of(row["path"])], rtol=1e-6, atol=1e-8, err_msg=row["path"]
            )

    return check_run


@pytest.fixture(scope="module")
def survivor(cluster: DirectCluster) -> tuple[str, str, int]:
    """A run one of whose executors was killed: its id, its step, and how many executors it had."""
    run_id = "executor-killed"
    step_id = cluster.submit(run_id)
    cluster.working_executor(cluster.node("TASK")).kill()
    assert not cluster.has(run_id, "stages/features.json")
    assert cluster.ended(step_id).state == "COMPLETED"
    return run_id, step_id, len(cluster.executors(step_id))


def test_a_run_whose_executor_is_killed_is_complete(survivor, check):
    """kill -9 of a container's JVM: its share is worked on again, elsewhere."""
    run_id, _, executor_count = survivor
    check(run_id)
    assert executor_count >= 3


def test_a_run_that_loses_its_task_node_is_complete(aws, cluster, check):
    """`fruit rehearse interrupt` takes it as Spot would, and another one takes its place."""
    step_id, task = cluster.submit("node-lost"), cluster.node("TASK")
    cluster.working_executor(task)
    taken = aws.run(sys.executable, "-m", "fruit", "rehearse", "interrupt", "--cluster", cluster.id)
    assert (taken.returncode, taken.stdout.split()[0]) == (0, task), taken.stderr
    assert not cluster.has("node-lost", "stages/features.json")
    assert list(processes_of(cluster.home, f"{cluster.id}/{task}")) == []
    assert cluster.ended(step_id).state == "COMPLETED"
    check("node-lost")
    assert cluster.node("TASK") != task


def test_a_run_that_loses_all_of_its_task_nodes_at_once_is_complete(aws, cluster, check):
    """A wave of Spot: the core node goes on until another has joined."""
    cluster.resize_tasks(2)
    step_id, tasks = cluster.submit("spot-wave"), cluster.nodes("TASK")
    cluster.working_executor(*tasks)
    taken = {control(aws, INTERRUPT_PATH, {"cluster": cluster.id})["instance"] for _ in tasks}
    assert taken == set(tasks)
    assert not cluster.has("spot-wave", "stages/features.json")
    cluster.resize_tasks(1)
    assert cluster.ended(step_id).state == "COMPLETED"
    check("spot-wave")


def test_a_cancelled_run_goes_on_where_it_was(cluster, check):
    """CancelSteps ends all of its containers; with `--resume` the listing is not made again."""
    step_id = cluster.submit("cancelled")
    wait_until(
        lambda: cluster.has("cancelled", "stages/listing.json"), "the listing is complete", WAIT_SECONDS
    )
    cluster.working_executor(cluster.node("TASK"))
    cluster.emr.cancel_steps(ClusterId=cluster.id, StepIds=[step_id], StepCancellationOption="SEND_INTERRUPT")
    assert cluster.ended(step_id).state == "CANCELLED"
    wait_until(lambda: not cluster.containers(), "no container runs any more", 60)
    assert not cluster.has("cancelled", "stages/features.json")
    resumed = cluster.submit("cancelled")
    assert cluster.ended(resumed).state == "COMPLETED"
    assert "listing: complete already" in cluster.driver_log(resumed)
    check("cancelled")


def test_a_complete_run_is_a_success_when_it_is_asked_for_again(cluster, survivor):
    """With `--resume`: as when YARN tries a driver again that ended too late."""
    step_id = cluster.submit(survivor[0])
    assert cluster.ended(step_id).state == "COMPLETED"
    assert "is complete: nothing to do" in cluster.driver_log(step_id)


def test_a_complete_run_is_not_overwritten(cluster, survivor):
    """Without `--resume` the step fails; the driver's log says why and the results are as they were."""
    key = {"Bucket": RESULTS, "Key": f"runs/{survivor[0]}/manifest.json"}
    before = cluster.s3.head_object(**key)["LastModified"]
    step_id = cluster.submit(survivor[0], resume=False)
    step = cluster.ended(step_id)
    assert step.state == "FAILED"
    assert step.reason
    assert "holds a complete run, which is never overwritten" in cluster.driver_log(step_id)
    assert cluster.s3.head_object(**key)["LastModified"] == before


def test_a_run_is_complete_though_s3_is_too_busy_for_one_request_in_five(aws, cluster, check, keys):
    """503 SlowDown, all through the run."""
    busy(aws, BUSY_SECONDS)
    try:
        ended = cluster.ended(cluster.submit("s3-busy"))
    finally:
        refused = busy(aws, 0)
    assert ended.state == "COMPLETED", ended.reason
    assert refused > len(keys) / 5, "each image is read at least once"
    check("s3-busy")


def busy(aws, seconds):
    """Let S3 be too busy for so long; how many requests it has refused."""
    return control(aws, SLOW_DOWN_PATH, {"seconds": seconds})["refused"]


def control(aws, path, request):
    """Change what the emulated AWS does; its answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    headers = {"Authorization": f"Bearer {aws.server.settings.keys.secret_access_key}"}
    url = f"{aws.server.settings.endpoint}{path}"
    with opener.open(
        urllib.request.Request(url, json.dumps(request).encode(), headers), timeout=60
    ) as answer:
        return json.load(answer)


def test_a_cluster_whose_bootstrap_action_fails_ends_with_the_reason(aws, cluster):
    """The state's reason names the action and the node, whose log says what the script missed."""
    request = cluster_request({"MASTER": "ON_DEMAND"}, wheelhouse="missing.zip")
    broken = DirectCluster(
        cluster.emr, cluster.s3, cluster.home, cluster.emr.run_job_flow(**request)["JobFlowId"]
    )
    wait_until(
        lambda: broken.state()["State"].startswith("TERMINATED"), "the end of the cluster", WAIT_SECONDS
    )
    status = broken.state()
    assert status["State"] == "TERMINATED_WITH_ERRORS"
    assert status["StateChangeReason"]["Code"] == "BOOTSTRAP_FAILURE"
    (node,) = cluster.emr.list_instances(ClusterId=broken.id)["Instances"]
    instance = node["Ec2InstanceId"]
    assert status["StateChangeReason"]["Message"] == (
        f"On the master instance ({instance}), bootstrap action 1 returned a non-zero return code"
    )
    assert "install: Error: fetch the wheelhouse: fatal error" in broken.log(
        f"node/{instance}/bootstrap-actions/1/stderr.gz"
    )


@pytest.fixture(scope="module")
def small_disk(server, cluster) -> Path:
    """The folder of a task node whose disk can be filled."""
    if not may_mount():
        pytest.skip("no user may mount here: user namespaces are not permitted")
    node = cluster.home / cluster.id / cluster.node("TASK")
    server.mount_memory(node / "yarn", DISK_MEBIBYTES)
    return node


def test_a_run_is_complete_though_the_disk_of_a_node_fills_up_during_it(server, cluster, check, small_disk):
    """The executor there cannot fetch the network: each task fails at once, and another executor does it."""
    step_id = cluster.submit("disk-fills")
    cluster.executor(small_disk.name)
    server.fill(small_disk / "yarn")
    assert not cluster.has("disk-fills", "stages/features.json")
    ended = cluster.ended(step_id)
    assert ended.state == "COMPLETED", cluster.driver_log(step_id)
    check("disk-fills")


def test_a_run_is_complete_though_the_disk_of_a_node_is_full(server, cluster, check, small_disk):
    """YARN gives the task node nothing to do; the core node does all of the work."""
    log = (
        cluster.home / cluster.id / "logs/node" / small_disk.name / "applications/hadoop-yarn/nodemanager.log"
    )
    server.fill(small_disk / "yarn")
    wait_until(
        lambda: "Most of the disks failed" in log.read_text(), "YARN notices the full disk", WAIT_SECONDS
    )
    ended = cluster.ended(cluster.submit("disk-full"))
    assert ended.state == "COMPLETED", ended.reason
    check("disk-full")


def test_nodes_were_refused_nothing_but_what_is_not_there(aws, cluster):
    """All through the faults their keys came from the metadata service, and their policy sufficed."""
    refused = Report(Replay(control(aws, PERMISSIONS_PATH, {}))).refused
    assert {call["resource"].rpartition("/")[2] for call in refused} <= {"missing.zip"}


def test_nothing_outlives_a_server_that_is_killed(server, cluster):
    """kill -9, with YARN up and a run under way."""
    cluster.submit("orphan")
    cluster.working_executor(cluster.node("CORE"))
    (gateway,) = [
        child
        for child in psutil.Process(server.process.pid).children()
        if "rehearsal.emulator.gateway" in child.cmdline()
    ]
    gateway.send_signal(signal.SIGKILL)
    wait_until(lambda: not list(processes_of(cluster.home)), "no process of the cluster", 60)
    assert server.process.wait(60) == 1
