"""No process outlives its rehearsal, and no rehearsal touches another's."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from rehearsal.processes import kill_all, mark, processes_of, short_folder, start_guardian, sweep
from tests.waiting import wait_until

# Leaves its group, as YARN's containers do, and starts one more.
DETACHED = ["setsid", "bash", "-c", "sleep 300 & sleep 300"]
SERVER = """
import os, subprocess, sys, time
from pathlib import Path
from rehearsal.processes import mark, start_guardian
home = Path(sys.argv[1])
guardian = start_guardian(home)
subprocess.Popen(["setsid", "sleep", "300"], env={**os.environ, **mark(home, "a")})
print("ready", flush=True)
time.sleep(300)
"""


def start(home, owner="j-1/i-1"):
    return subprocess.Popen(DETACHED, env={**os.environ, **mark(home, owner)})


@pytest.fixture
def homes(tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    yield folders
    for folder in folders:
        while kill_all(processes_of(folder)):  # unlike `sweep`, without a second of silence after it
            pass


def test_sweep_ends_processes_that_left_their_group(homes):
    """Children of children included."""
    process = start(homes[0])
    wait_until(lambda: len(list(processes_of(homes[0]))) >= 2, "both processes")
    sweep(homes[0])
    process.wait()
    assert list(processes_of(homes[0])) == []


def test_sweep_leaves_another_home_alone(homes):
    """Two rehearsals at once do not disturb each other."""
    start(homes[0]).poll()
    other = start(homes[1])
    sweep(homes[0])
    assert other.poll() is None
    assert list(processes_of(homes[1]))


def test_sweep_of_one_owner_leaves_the_others(homes):
    """An owner's name that only begins like another's is another."""
    start(homes[0], "j-1/i-1")
    other = start(homes[0], "j-1/i-11")
    sweep(homes[0], "j-1/i-1")
    assert list(processes_of(homes[0], "j-1/i-1")) == []
    assert other.poll() is None


def test_nothing_outlives_a_server_that_was_killed(homes):
    """kill -9 gives it no chance to clean up: the guardian does."""
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(homes[0])], stdout=subprocess.PIPE, cwd=Path.cwd()
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    guardians = psutil.Process(server.pid).children()
    assert list(processes_of(homes[0]))
    server.kill()
    server.wait()
    wait_until(lambda: not list(processes_of(homes[0])), "the end of the processes")
    wait_until(lambda: not any(guardian.is_running() for guardian in guardians), "the guardians' end")


def test_closing_the_guardians_input_makes_it_sweep(homes):
    """A clean stop uses it as well. The short folder is the user's alone, and goes too."""
    start(homes[0])
    folder = short_folder(homes[0])
    assert folder.stat().st_mode & 0o777 == 0o700
    assert short_folder(homes[0]) == folder
    guardian = start_guardian(homes[0])
    assert guardian.stdin is not None
    guardian.stdin.close()
    assert guardian.wait(20) == 0
    assert list(processes_of(homes[0])) == []
    assert not folder.exists()


def test_a_short_folder_that_is_not_the_users_is_not_used(homes, tmp_path):
    """Another user may have made one of that name, after a restart of the machine."""
    (homes[0] / "short").symlink_to(tmp_path / "gone")
    folder = short_folder(homes[0])
    assert folder.is_dir()
    assert folder != tmp_path / "gone"
    folder.rmdir()
