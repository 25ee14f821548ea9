"""A service with a machine that starts nothing, stopped after each test."""

from collections.abc import Iterator

import pytest

from tests.rehearsal.emr.emr_client import EmrClient


@pytest.fixture
def emr() -> Iterator[EmrClient]:
    client = EmrClient()
    yield client
    client.service.stop()
