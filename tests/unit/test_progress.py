"""How far a run is: what tasks tell their driver, and what people are told."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from spark_job.contract.progress import Progress
from spark_job.features import counting
from spark_job.features.counting import Channel, Counts, ShareCount
from tests.waiting import wait_until

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
FEATURES = Progress(
    stage="features",
    done=3000,
    total=8560,
    images_per_second=202.4,
    seconds_left=27.5,
    rejected=3,
    reason="the file is empty",
    nodes=4,
    cost_usd=0.124,
    moved=NOW.isoformat(),
)


@pytest.fixture
def counts():
    listening = Counts("127.0.0.1")
    yield listening
    listening.close()


def test_tasks_tell_each_image_while_they_work(counts, monkeypatch):
    """Before the share is done; a share that is tried again counts once."""
    monkeypatch.setattr(counting, "SECONDS_BETWEEN", 0.0)
    share = ShareCount(counts.channel, 0)
    share.image(None)
    share.image("the file is empty")
    wait_until(lambda: counts.total("done") == 2, "both images are counted", 10)
    assert (counts.total("rejected"), counts.reason()) == (1, "the file is empty")
    ShareCount(counts.channel, 1).whole(50, 2, kept=True)
    ShareCount(counts.channel, 0).image(None)
    wait_until(lambda: counts.total("done") == 51, "the second attempt has begun", 10)
    assert (counts.total("rejected"), counts.total("kept")) == (2, 50)


def test_a_stranger_changes_no_count(counts):
    """Neither without the run's token nor with what is no datagram of a task."""
    told = {"token": "guessed", "share": 0, "done": 9, "rejected": 9, "kept": 0, "reasons": {}}
    ours = {**told, "token": counts.channel.token}
    for content in (json.dumps(told), json.dumps({**ours, "done": "many"}), "[]", "\0", "{}"):
        counts.take(content.encode())
    assert counts.total("done") == 0
    counts.take(json.dumps(ours).encode())
    assert counts.total("done") == 9


def test_a_run_goes_on_where_nothing_can_be_counted():
    """An address that is not this machine's, and a driver that is not there."""
    assert Counts("192.0.2.1").channel == Channel()
    ShareCount(Channel(), 0).whole(1, 0)
    ShareCount(Channel("no such host.invalid", 9, "t"), 0).whole(1, 0)


def test_a_line_says_all_that_is_known():
    """And no more; a listing counts files, and has no end that is known."""
    assert FEATURES.line(NOW) == (
        "features: 3,000 of 8,560 images, 202 images/s, about 28 s left, 3 rejected, for example: "
        "the file is empty, 4 nodes, 0.12 USD so far"
    )
    slow = replace(FEATURES, images_per_second=0.42, rejected=1).line(NOW)
    assert "0.4 images/s, about 28 s left, 1 rejected: the file is empty" in slow
    assert Progress(stage="listing", done=70_000).line(NOW) == "listing: 70,000 files"
    assert Progress(stage="reduction", done=0, nodes=1).line(NOW) == "reduction, 1 node"
    assert Progress.from_json({**FEATURES.to_json(), "of a later version": 1}) == FEATURES


def test_a_run_that_does_not_move_is_called_stalled():
    """After five minutes; never when it is complete."""
    assert FEATURES.stalled_seconds(NOW + timedelta(seconds=299)) is None
    assert FEATURES.line(NOW + timedelta(minutes=6)).startswith("STALLED for 6 minutes: features: 3,000")
    assert replace(FEATURES, stage="complete").stalled_seconds(NOW + timedelta(days=1)) is None
