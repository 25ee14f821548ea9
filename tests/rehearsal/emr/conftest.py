"""A service with a machine that starts nothing, stopped after each test."""

from collections.abc import Iterator

import pytest

from rehearsal.emr.conditions import CLOCK
from tests.rehearsal.emr.emr_client import EmrClient


@pytest.fixture
def emr(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmrClient]:
    monkeypatch.setattr(CLOCK, "ahead_seconds", 0.0)
    client = EmrClient()
    yield client
    client.service.stop()
