"""Steps and bootstrap actions of a cluster without YARN: no Java is started."""

import subprocess

import pytest

from rehearsal.emr.compute import BootstrapAction, ComputeError, Demand, Program
from rehearsal.machine.programs import script_command
from rehearsal.processes import processes_of
from tests.rehearsal.machine.conftest import BUCKET, PRIMARY
from tests.waiting import wait_until


def put(place, key, text):
    place.s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode())
    return f"s3://{BUCKET}/{key}"


def test_a_command_runs_and_its_output_is_in_s3(small):
    """With the node's environment: another AWS cannot be reached by it."""
    assert small.run("s-1", "bash", "-c", "echo $AWS_ENDPOINT_URL $AWS_REGION; echo oh >&2; exit 3") == 3
    assert small.log("steps/s-1/stdout").startswith("http://127.0.0.1:")
    assert small.log("steps/s-1/stderr") == "oh\n"
    assert "failed with exitCode 3" in small.log("steps/s-1/controller")


def test_the_aws_command_line_reaches_the_emulated_s3(small):
    """Bootstrap actions and steps fetch with it."""
    uri = put(small, "greeting.txt", "hello")
    assert small.run("s-2", "aws", "s3", "cp", uri, "-") == 0
    assert small.log("steps/s-2/stdout") == "hello"


def test_a_command_that_does_not_exist_fails(small):
    """In the words of command-runner.jar."""
    assert small.run("s-3", "no-such-command", "x") == 1
    assert 'Cannot run program "no-such-command"' in small.log("steps/s-3/stderr")


def test_the_last_words_of_a_java_program_are_its_exception(small):
    """Not what it says while it shuts down."""
    words = 'echo "Exception in thread \\"main\\" a.NoRoom: full" >&2; echo "at a.b" >&2; exit 1'
    step = small.compute.run(Program("s-7", "command-runner.jar", ["bash", "-c", words]))
    assert step.wait() == 1
    assert step.last_words == 'Exception in thread "main" a.NoRoom: full'


def test_script_runner_runs_a_script_of_s3(small):
    """With or without a first line that names its interpreter."""
    script = put(small, "with space.sh", 'echo "$1|$2"')
    jar = "s3://eu-west-3.elasticmapreduce/libs/script-runner/script-runner.jar"
    assert small.run("s-4", script, "a b", "c", jar=jar) == 0
    assert small.log("steps/s-4/stdout") == "a b|c\n"


def test_a_jar_that_is_not_there_cannot_be_run(small):
    """The reason names it, and stands in the step's log."""
    with pytest.raises(ComputeError, match=r"no\.jar"):
        small.compute.run(Program("s-5", f"s3://{BUCKET}/no.jar", []))
    assert "no.jar" in small.log("steps/s-5/controller")


def test_a_cancelled_command_ends_with_what_it_started(small):
    """By SIGTERM: 143, as shells say it."""
    step = small.compute.run(Program("s-6", "command-runner.jar", ["bash", "-c", "sleep 300 & wait"]))
    step.cancel(force=False)
    assert step.wait() == 143
    wait_until(lambda: not list(processes_of(small.home)), "the end of what it started, by the same signal")


def test_a_failing_bootstrap_action_returns_its_code(small):
    """Its output is in S3 below the node."""
    script = put(small, "fails.sh", "echo $FRUIT_FEATURES_HOME >&2; exit 7")
    assert small.compute.bootstrap(PRIMARY, 2, BootstrapAction("fails", script, [])) == 7
    words = small.log(f"node/{PRIMARY.instance_id}/bootstrap-actions/2/stderr")
    assert words.endswith(f"{PRIMARY.instance_id}/opt/fruit-features\n")


def test_a_bootstrap_script_that_is_not_there(small):
    """Is no exit code: EMR says that it cannot be downloaded."""
    with pytest.raises(ComputeError, match=r"missing\.sh"):
        small.compute.bootstrap(PRIMARY, 3, BootstrapAction("x", f"s3://{BUCKET}/missing.sh", []))


def test_a_cluster_without_yarn_asks_for_nothing(small):
    """And runs no process while no step runs."""
    assert small.compute.demand() == Demand(0, {})
    assert list(processes_of(small.home)) == []
    assert small.compute.is_alive(PRIMARY)


def test_a_script_that_is_open_for_writing_runs(tmp_path):
    """A process forked while it was written may have it open still, and the system would not execute it."""
    script = tmp_path / "install.sh"
    with script.open("w") as stream:
        stream.write('#!/usr/bin/env bash\necho "$1"\n')
        stream.flush()
        done = subprocess.run(script_command(script, ["it runs"]), capture_output=True, text=True, check=True)
    assert done.stdout == "it runs\n"
