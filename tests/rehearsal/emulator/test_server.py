"""The rehearsal's AWS as a process: where it listens, whom it talks to, and that it ends."""

import signal
import subprocess
import sys

import boto3
import psutil
import pytest

from infra.checkout import ROOT
from operate.commands.doctor import examine
from operate.connection import Connection
from rehearsal.emulator import process
from rehearsal.emulator.process import Server
from rehearsal.errors import RehearsalError
from rehearsal.settings import LOOPBACK, PEOPLE, free_port
from spark_job.contract.errors import MisuseError
from tests.rehearsal.emulator.conftest import QUICK_EMR, TESTER
from tests.waiting import wait_until_gone

STARTER = f"""
import sys, time
from pathlib import Path
from rehearsal.emulator.process import Server
server = Server(Path(sys.argv[1]), emr={QUICK_EMR!r}).start()
print(server.process.pid, flush=True)
time.sleep(600)
"""


def _family(pid):
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def test_it_listens_on_one_port_of_the_loopback_interface_alone(aws):
    """Nobody else on the network can reach it, whatever functions it runs."""
    listening = {
        (connection.laddr.ip, connection.laddr.port)
        for process in _family(aws.server.process.pid)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {(LOOPBACK, aws.server.settings.port)}


def test_it_talks_to_no_other_host(deployed):
    """With both stages deployed through it, every connection of server and functions is to this machine."""
    peers = {
        connection.raddr.ip
        for process in _family(deployed.aws.server.process.pid)
        for connection in process.net_connections(kind="inet")
        if connection.raddr
    }
    assert peers <= {LOOPBACK}


def test_credentials_of_a_real_account_do_not_reach_it(tmp_path, monkeypatch):
    """Neither the server nor its functions see what the person who starts it has in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    monkeypatch.setenv("AWS_PROFILE", "real")
    with Server(tmp_path / "home", emr=QUICK_EMR) as server:
        environment = psutil.Process(server.process.pid).environ()
        keys = [server.settings.keys_of(person).access_key_id for person in PEOPLE]
    assert "AWS_PROFILE" not in environment
    assert environment["AWS_ACCESS_KEY_ID"] not in keys  # root's, which nobody else is told
    assert "AKIAREAL" not in environment.values()


def test_two_of_them_do_not_see_each_other(aws, tmp_path):
    """Each has its port, its folder and its buckets."""
    with Server(tmp_path / "home", emr=QUICK_EMR) as other:
        type(aws)(other).client("s3").create_bucket(
            Bucket="only-there", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"}
        )
        names = [bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]]
    assert "only-there" not in names
    assert aws.client("sts").get_caller_identity()["Account"] == "111122223333"


def test_stopping_it_leaves_no_process(tmp_path):
    """The port is free again, and a second start works."""
    port = free_port()
    for _ in range(2):
        with Server(tmp_path / "home", port=port, emr=QUICK_EMR) as server:
            family = [process.pid for process in _family(server.process.pid)]
        wait_until_gone(*family)


def test_it_ends_when_the_program_that_started_it_is_killed(tmp_path):
    """kill -9 leaves nothing behind: its standard input ends."""
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path / "home")], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    pid = int(starter.stdout.readline())
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdout.close()
    wait_until_gone(pid)


def test_a_taken_port_is_refused_with_what_to_do(aws, tmp_path):
    """Before anything is started."""
    port = aws.server.settings.port
    with pytest.raises(MisuseError, match=f"port {port} is taken: give another --port, or none for any"):
        Server(tmp_path / "home", port=port, emr=QUICK_EMR)


def test_another_release_of_the_emulator_is_refused(monkeypatch):
    """What is extended is known for one release only."""
    monkeypatch.setattr(process, "KNOWN_RELEASE", "0.0.1")
    with pytest.raises(RehearsalError, match=r"ministack .* is installed, the rehearsal extends 0\.0\.1"):
        process.check_release()


def test_a_server_that_cannot_start_says_why(tmp_path):
    """The last lines of its log are in the error."""
    with pytest.raises(RehearsalError, match="No module named 'nowhere'"):
        Server(tmp_path / "home", emr="nowhere:make").start()


def test_doctor_asks_everything_and_makes_nothing(aws, monkeypatch):
    """Each question has an answer here; a dry run starts no instance."""
    # A dry run needs the right to start instances, which nobody else has here.
    for name, value in aws.environment_with(aws.keys_of(TESTER)).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it may know the keys of an earlier test
    connection = Connection("prod", "eu-west-3")
    _, config = connection.configured({})
    checks = {check.name: check for check in examine(connection, config, probe=True)}
    assert checks["Elastic IP quota"].state == "ok"
    assert checks["types for EMR"].state == "ok"
    assert "m5.xlarge: DryRunOperation" in checks["dry run of EC2"].found
    assert aws.client("ec2").describe_instances()["Reservations"] == []
