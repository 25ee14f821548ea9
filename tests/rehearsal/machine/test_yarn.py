"""A real YARN and Spark under one cluster, reading and writing S3; the last tests take its nodes away."""

import io
import re
import zipfile
from pathlib import Path
from threading import Thread

import psutil
import pytest

from rehearsal.emr.compute import Node, Program
from rehearsal.processes import processes_of
from tests.rehearsal.machine.conftest import BUCKET, CORE, PRIMARY, TASK, bootstrap
from tests.waiting import wait_until

pytestmark = pytest.mark.story

JOB = b"""
import sys, time
from pathlib import Path
from pyspark.sql import SparkSession
import helper

def node(_):
    import helper
    return [Path("opt/fruit-features/note").read_text() + sys.executable]

spark = SparkSession.builder.getOrCreate()
print("driver on", Path("opt/fruit-features/note").read_text())
for each in spark.sparkContext.parallelize([1], 1).mapPartitions(node).collect():
    print("worker on", each)
spark.read.text(sys.argv[1]).write.text(sys.argv[2])
"""
SLEEPER = b"""
import sys, time
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
seconds = float(sys.argv[1])
def nap(_):
    time.sleep(seconds)
    return [1]
print("sum", spark.sparkContext.parallelize(range(2), 2).mapPartitions(nap).sum())
"""
# A driver that asks for no executors.
LONELY = b"""
import time
from pyspark.sql import SparkSession
SparkSession.builder.getOrCreate()
time.sleep(300)
"""
PYTHON = "/opt/fruit-features/venv/bin/python"
SUBMIT = (
    "spark-submit",
    "--deploy-mode=cluster",
    f"--conf=spark.pyspark.python={PYTHON}",
    f"--conf=spark.yarn.appMasterEnv.PYSPARK_PYTHON={PYTHON}",
)
REPLACEMENT = Node("i-00000000000000004", "TASK")


@pytest.fixture(scope="module", autouse=True)
def objects(yarn):
    """The job and its input."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("helper.py", "")
    contents = {
        "main.py": JOB,
        "sleeper.py": SLEEPER,
        "lonely.py": LONELY,
        "job.zip": package.getvalue(),
        "in/a é.txt": b"one\n",
    }
    for key, content in contents.items():
        yarn.s3.put_object(Bucket=BUCKET, Key=key, Body=content)


@pytest.fixture(scope="module")
def finished(yarn):
    """A step in cluster mode that has ended; its exit code."""
    arguments = (f"--py-files=s3://{BUCKET}/job.zip", f"s3://{BUCKET}/main.py")
    return yarn.run("s-JOB", *SUBMIT, *arguments, f"s3://{BUCKET}/in/", f"s3://{BUCKET}/out")


def container_logs(place, step_id):
    """The logs of a step's containers, joined."""
    application = re.findall(r"application_\d+_\d+", place.log(f"steps/{step_id}/stderr"))[-1]
    keys = place.keys(f"containers/{application}/")
    return {key: place.log(key.removesuffix(".gz")) for key in keys}


def container_count(place):
    return sum(place.compute.demand().containers_by_instance.values())


def core_nodes(place):
    """What YARN says of the nodes with the label CORE."""
    return [node for node in place.compute._yarn.manager.nodes().values() if node["nodeLabels"] == ["CORE"]]


def sleeping_step(place, step_id, seconds):
    """A step whose two tasks are running."""
    step = place.compute.run(
        Program(step_id, "command-runner.jar", [*SUBMIT, f"s3://{BUCKET}/sleeper.py", str(seconds)])
    )
    wait_until(lambda: container_count(place) >= 3, "a driver and two executors", 120)
    return step


def test_a_step_reads_and_writes_s3(yarn, finished):
    """In cluster mode, its program and its packages from S3 as well."""
    assert finished == 0, yarn.log("steps/s-JOB/stderr")
    listed = yarn.s3.list_objects_v2(Bucket=BUCKET, Prefix="out/")["Contents"]
    texts = [yarn.s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read() for each in listed]
    assert b"one\n" in texts


def test_the_driver_runs_on_a_core_node(yarn, finished):
    """As its label asks."""
    assert "driver on CORE" in "".join(container_logs(yarn, "s-JOB").values())


def test_workers_use_what_their_own_node_was_given(yarn, finished):
    """The Python below the node's own folder."""
    told = "".join(container_logs(yarn, "s-JOB").values())
    worker = told[told.index("worker on ") :]
    role, _, tmp = worker.removeprefix("worker on ").splitlines()[0].partition(" in ")
    assert role in ("CORE", "TASK")
    assert f"/{Path(tmp).name}/" in worker.splitlines()[1]
    assert worker.splitlines()[1].endswith("opt/fruit-features/venv/bin/python")


def test_logs_are_where_emr_puts_them(yarn, finished):
    """When the step has ended: its own, its containers', and those of the bootstrap actions."""
    assert {f"steps/s-JOB/{name}.gz" for name in ("controller", "syslog", "stderr", "stdout")} <= set(
        yarn.keys("steps/")
    )
    assert any(key.endswith("_000001/stdout.gz") for key in container_logs(yarn, "s-JOB"))
    for node in (PRIMARY, CORE, TASK):
        assert f"node/{node.instance_id}/bootstrap-actions/1/stderr.gz" in yarn.keys("node/")
    assert "exitCode 0" in yarn.log("steps/s-JOB/controller")


def test_a_failing_step_says_so(yarn):
    """By its exit code and its last words; in client mode too."""
    step = yarn.compute.run(
        Program("s-BAD", "command-runner.jar", ["spark-submit", f"s3://{BUCKET}/not-there.py"])
    )
    assert step.wait() != 0
    assert "not-there.py" in step.last_words + yarn.log("steps/s-BAD/stderr")


def test_a_step_listens_on_the_loopback_interface_alone(yarn):
    """Daemons, driver and executors; and its cancelling ends the application."""
    step = sleeping_step(yarn, "s-CANCEL", 300)
    listening = [
        connection.laddr.ip.removeprefix("::ffff:")
        for process in processes_of(yarn.home)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) > 10
    assert set(listening) == {"127.0.0.1"}
    step.cancel(force=False)
    assert step.wait() != 0
    wait_until(lambda: not container_count(yarn), "the end of all containers")


@pytest.fixture
def started(yarn):
    """Starts steps that end with the test, whatever becomes of it."""
    steps = []

    def start(step_id, *arguments):
        steps.append(yarn.compute.run(Program(step_id, "command-runner.jar", [*SUBMIT, *arguments])))

    yield start
    for step in reversed(steps):
        step.cancel(force=True)
        step.wait()
    wait_until(lambda: not container_count(yarn), "the end of all containers")


@pytest.mark.long
def test_containers_that_find_no_room_are_pending(yarn, started):
    """That is what managed scaling acts on: executors, and an application master that asks for core nodes."""
    wide = ["--conf=spark.dynamicAllocation.enabled=false", "--conf=spark.executor.instances=6"]
    started("s-WIDE", *wide, f"s3://{BUCKET}/sleeper.py", "300")
    wait_until(
        lambda: executors_wait(yarn.compute.demand()), "pending executors beside a running driver", 120
    )
    started("s-LATE", f"s3://{BUCKET}/sleeper.py", "300")
    wait_until(lambda: yarn.compute.demand().pending_masters == 1, "a pending application master", 120)


def executors_wait(demand):
    """Whether containers wait, none of them an application master."""
    return demand.pending_containers > 0 == demand.pending_masters


@pytest.mark.long
def test_a_second_master_waits_for_its_share_of_the_core_nodes(yarn, started):
    """Masters have a tenth of the label's memory: the second waits although there is room for it."""
    started("s-ONE", f"s3://{BUCKET}/lonely.py")
    wait_until(lambda: container_count(yarn) == 1, "a driver", 120)
    started("s-TWO", f"s3://{BUCKET}/lonely.py")
    wait_until(lambda: yarn.compute.demand().pending_masters == 1, "a pending application master", 120)
    (core,) = core_nodes(yarn)
    assert core["availableMemory"] >= core["usedMemory"] > 0, "MiB; the one master that runs"
    assert container_count(yarn) == 1


def test_a_step_survives_the_loss_of_a_task_node(yarn):
    """Its tasks run again elsewhere, and the node is gone."""
    step = sleeping_step(yarn, "s-LOSE", 5)
    yarn.compute.lose(TASK)
    assert not yarn.compute.is_alive(TASK)
    assert list(processes_of(yarn.home, f"{yarn.spec.cluster_id}/{TASK.instance_id}")) == []
    assert step.wait() == 0
    assert "sum 2" in "".join(container_logs(yarn, "s-LOSE").values())


def test_a_node_joins_and_leaves_a_running_cluster(yarn):
    """It takes no containers when it leaves; its daemon's log stays."""
    yarn.compute.provision(REPLACEMENT)
    assert bootstrap(yarn, REPLACEMENT) == 0
    yarn.compute.join(REPLACEMENT)
    assert yarn.compute.is_alive(REPLACEMENT)
    yarn.compute.leave(REPLACEMENT)
    assert not yarn.compute.is_alive(REPLACEMENT)
    assert list(processes_of(yarn.home, f"{yarn.spec.cluster_id}/{REPLACEMENT.instance_id}")) == []
    assert f"node/{REPLACEMENT.instance_id}/applications/hadoop-yarn/nodemanager.log.gz" in yarn.keys("node/")


def test_a_stop_ends_steps_and_leaves_no_process(yarn):
    """The step's logs are in S3 all the same; stopping again is no error."""
    step = yarn.compute.run(Program("s-STOP", "command-runner.jar", ["bash", "-c", "sleep 300"]))
    codes = []
    waiter = Thread(target=lambda: codes.append(step.wait()))
    waiter.start()
    yarn.compute.stop()
    waiter.join(30)
    assert codes == [137]
    assert list(processes_of(yarn.home)) == []
    assert "steps/s-STOP/stderr.gz" in yarn.keys("steps/")
    yarn.compute.stop()
