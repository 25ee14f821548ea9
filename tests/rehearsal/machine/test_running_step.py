"""What is left of a step that is cancelled."""

import os
from unittest.mock import Mock

import pytest

from rehearsal.machine.programs import LoggedProcess, RunningStep
from tests.waiting import wait_until


@pytest.mark.parametrize("said", ["Submitting application {} to ResourceManager", "Submitted application {}"])
def test_a_step_cancelled_while_it_submits_leaves_no_application(tmp_path, said):
    """YARN has the application before YARN's client says so."""
    line = "INFO Client: " + said.format("application_1_0001")
    process = LoggedProcess(
        ["bash", "-c", f"echo '{line}' >&2; sleep 300"],
        logs=tmp_path,
        folder=tmp_path,
        environment=os.environ,
    )
    manager = Mock()
    step = RunningStep(
        process, manager=manager, has_containers=lambda application: False, push_logs=lambda: None
    )
    wait_until(lambda: process.stderr, "the program's words")
    step.cancel(force=True)
    assert step.wait() == 137
    manager.kill_application.assert_called_once_with("application_1_0001")
