"""`fruit logs`: the right files, the right lines, each once."""

import gzip

import boto3
import pytest

from operate.runs.logs import Reader, StepLogs, unpacked
from tests.aws.conftest import REGION, RUN

APPLICATION = "application_1700000000000_0007"
CONTAINER = "container_1700000000000_0007"


@pytest.fixture
def logs(deployment):
    """The logs of the deployment's step, none yet; `put` of the fixture below writes them."""
    emr = boto3.client("emr", REGION)
    step = emr.list_steps(ClusterId=deployment.cluster_id)["Steps"][0]
    return StepLogs(boto3.client("s3", REGION), f"{deployment.logs_uri}/{deployment.cluster_id}", step["Id"])


@pytest.fixture
def put(logs):
    def written(name, text):
        key = f"{logs.cluster_uri.removeprefix('s3://fruit-logs/')}/{name}"
        logs.s3.put_object(Bucket="fruit-logs", Key=key, Body=gzip.compress(text.encode()))

    return written


@pytest.fixture
def cluster_mode(put, logs):
    """What a run in cluster mode leaves: two attempts, an executor, and spark-submit's own words."""
    put(f"steps/{logs.step_id}/stderr.gz", f"Submitted application {APPLICATION}\n")
    put(f"steps/{logs.step_id}/stdout.gz", "")
    put(f"containers/{APPLICATION}/{CONTAINER}_01_000001/stderr.gz", "the first attempt\n")
    put(f"containers/{APPLICATION}/{CONTAINER}_02_000001/stderr.gz", "one\ntwo Error\nthree\n")
    put(f"containers/{APPLICATION}/{CONTAINER}_02_000001/stdout.gz", "summary\n")
    put(f"containers/{APPLICATION}/{CONTAINER}_02_000002/stderr.gz", "an executor\n")


def test_in_cluster_mode_the_drivers_own_log_is_shown(operate, cluster_mode):
    """Of its latest attempt; executors and spark-submit are not in the way."""
    told = operate("logs")
    assert told.exit_code == 0, told.err
    assert told.out.splitlines() == ["summary", "one", "two Error", "three"]


def test_tail_and_grep_choose_lines(operate, cluster_mode):
    """Also as JSON."""
    assert operate("logs", RUN, "--tail=1").out == "three\n"
    assert operate("logs", "--grep=Err", "--json").json["lines"] == ["two Error"]


def test_one_file_can_be_asked_for(operate, cluster_mode):
    """spark-submit's own words."""
    assert APPLICATION in operate("logs", "--file=stderr").out


def test_a_pattern_that_is_none_is_misuse(operate, cluster_mode):
    """Exit code 2, and the reason."""
    told = operate("logs", "--grep=(")
    assert told.exit_code == 2
    assert "--grep '(' is no regular expression" in told.err


def test_before_logs_come_the_message_says_when(operate, deployment):
    """Exit code 1."""
    told = operate("logs")
    assert told.exit_code == 1
    assert "EMR brings them every five minutes" in told.err


def test_downloads_are_unpacked(operate, cluster_mode, logs, tmp_path):
    """Step logs and the driver's, by kind."""
    assert operate("logs", f"--download={tmp_path}").exit_code == 0
    folder = tmp_path / logs.step_id
    assert (folder / "driver-stderr.log").read_text() == "one\ntwo Error\nthree\n"
    assert (folder / "stderr.log").exists()


def test_following_prints_each_line_once_however_often_it_looks(logs, put):
    """A line that is still being written waits for its end."""
    reader = Reader(logs, ("stderr",))
    put(f"steps/{logs.step_id}/stderr.gz", "one\ntw")
    assert list(reader.new_lines(to_the_end=False)) == ["one"]
    put(f"steps/{logs.step_id}/stderr.gz", "one\ntwo\nthree")
    assert list(reader.new_lines(to_the_end=False)) == ["two"]
    assert list(reader.new_lines()) == ["three"]
    assert list(reader.new_lines()) == []


def test_following_a_failed_step_ends_with_its_reason(operate, cluster_mode, monkeypatch):
    """Exit code 1; the lines came before."""
    from operate.commands import logs as module
    from operate.emr.steps import Step

    failed = Step("s-9", "n", "FAILED", (), None, None, None, "Application failed")
    monkeypatch.setattr(module, "describe_step", lambda *_: failed)
    told = operate("logs", "--follow")
    assert told.exit_code == 1
    assert told.out.splitlines() == ["summary", "one", "two Error", "three"]
    assert "FAILED: Application failed; logs s3://fruit-logs/emr/" in told.err


def test_a_log_that_is_still_written_gives_what_it_holds():
    """Plain text is text; half a gzip is half the text."""
    packed = gzip.compress(b"line\n" * 10_000)
    assert unpacked(b"plain") == b"plain"
    assert (b"line\n" * 10_000).startswith(unpacked(packed[:-10]))
    assert unpacked(packed[:-10])
