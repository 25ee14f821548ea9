"""Programs that a rehearsal starts: waited for, ended with it, failures told by the lines that matter."""

import sys
import threading
import time

import pytest

from rehearsal.errors import RehearsalError
from rehearsal.full_run.programs import Programs, failure_lines
from tests.waiting import wait_until_gone

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_what_it_says_is_kept_in_a_file(tmp_path):
    """Both streams, under the program's name."""
    code = "import sys; print('out'); print('err', file=sys.stderr)"
    Programs(tmp_path).run([sys.executable, "-c", code], "cdk-synth")
    assert set((tmp_path / "cdk-synth.log").read_text().split()) == {"out", "err"}


def test_a_failure_tells_exit_code_reasons_and_where_the_rest_is(tmp_path):
    """The lines by which CloudFormation tells of it, once each."""
    said = "all is well\\nCREATE_FAILED: no room\\nCREATE_FAILED: no room\\nbye"
    with pytest.raises(RehearsalError) as caught:
        Programs(tmp_path).run([sys.executable, "-c", f"print('{said}'); raise SystemExit(3)"], "cdk-deploy")
    assert str(caught.value).splitlines() == [
        "cdk-deploy failed with exit code 3",
        "CREATE_FAILED: no room",
        f"all it said: {tmp_path / 'cdk-deploy.log'}",
    ]


def test_without_such_lines_the_last_ones_are_the_reason():
    """Better than nothing."""
    assert failure_lines("\n".join(f"line {number}" for number in range(20))).splitlines()[-1] == "line 19"


def test_what_a_destroy_left_is_a_reason_with_what_to_do():
    """Its last line counts too, whatever CDK said before and after."""
    left = ["LEFT: instance i-1 (running)", "dev: 1 instance still there and paid for; remove by hand"]
    assert failure_lines("\n".join(["destroyed", "stays: nothing", *left, *["bye"] * 9])).splitlines() == left


def test_somebody_may_look_while_it_runs_and_once_after(tmp_path):
    """That is how the step is followed while CDK waits."""
    seen = []
    code = "import time; time.sleep(1.5)"
    Programs(tmp_path).run([sys.executable, "-c", code], "cdk", meanwhile=lambda: seen.append(1))
    assert len(seen) >= 2


def test_what_interrupts_the_look_ends_the_program_and_what_it_started(tmp_path):
    """Ctrl-C leaves no CDK behind, though `fruit destroy` has started it."""

    def interrupted():
        if (tmp_path / "destroy.log").read_text().endswith("\n"):
            raise KeyboardInterrupt

    code = f"import subprocess; it = subprocess.Popen({SLEEP}); print(it.pid, flush=True); it.wait()"
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        Programs(tmp_path).run([sys.executable, "-c", code], "destroy", meanwhile=interrupted)
    wait_until_gone(int((tmp_path / "destroy.log").read_text()))
    assert time.monotonic() - begun < 30


def test_the_end_ends_all_that_run_and_nothing_begins_any_more(tmp_path):
    """From another thread, as at the end of a rehearsal that failed."""
    programs = Programs(tmp_path)
    failed = []

    def run():
        try:
            programs.run(SLEEP, "build")
        except RehearsalError as error:
            failed.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    while not (tmp_path / "build.log").exists():
        time.sleep(0.01)
    time.sleep(0.2)
    programs.end()
    thread.join(30)
    assert not thread.is_alive()
    assert failed[0].startswith("build failed with exit code -15")
    with pytest.raises(RehearsalError, match="nothing is started any more"):
        programs.run(SLEEP, "again")
