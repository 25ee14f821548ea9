"""Each event is one line with its seconds."""

import pytest

from rehearsal.full_run.summary import Timeline


@pytest.fixture
def lines():
    return []


@pytest.fixture
def timeline(lines):
    moments = iter([0.0, 10.0, 22.34, 30.0])
    return Timeline(lines.append, clock=lambda: next(moments))


def test_an_event_is_told_when_it_has_ended(timeline, lines):
    """With its own seconds, below what happened in it."""
    with timeline.event("cdk bootstrap"):
        timeline.detail("a detail")
    assert lines == ["           a detail", "   12.3 s  cdk bootstrap"]
    assert timeline.seconds == 30.0


def test_a_failed_event_is_told_as_such(timeline, lines):
    """And the failure goes on."""
    with pytest.raises(ValueError, match="no room"), timeline.event("cdk bootstrap"):
        raise ValueError("no room")
    assert lines == ["   12.3 s  cdk bootstrap: failed"]
