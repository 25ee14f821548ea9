"""The install script of a node, really run: what it leaves, and that it may run twice."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.small_node import SCRIPT, executable, fresh_node


@pytest.fixture
def node(tmp_path, tiny_extractor):
    return fresh_node(tmp_path, tiny_extractor)


def test_a_node_gets_packages_and_extractor_and_a_log(node):
    """In seconds, each step with its time; a program of the job's user finds both."""
    done = node.install()
    assert (done.returncode, done.stderr) == (0, "")
    assert node.python("import apple, pear; print(apple.NAME, pear.NAME)") == "apple pear"
    described = json.loads((node.home / "extractor/extractor.json").read_text())
    assert described["model"] == "tiny"
    assert (node.home / "extractor/network.bin").stat().st_mode & 0o777 == 0o644
    steps = re.findall(r"^\S+Z install: (.*): \d+\.\d{3} s$", done.stdout, re.MULTILINE)
    assert steps[1:] == [
        "fetch the wheelhouse",
        "check the wheelhouse",
        "check the pins",
        "fetch the installer",
        "install the packages",
        "import the packages",
        "fetch the extractor",
        "check the extractor",
        "place the extractor",
    ]
    assert re.search(r"install: installed in \d+ s\n$", done.stdout)


def test_a_second_run_changes_nothing_and_downloads_nothing(node):
    """Bootstrap actions may be repeated."""
    assert node.install().returncode == 0
    before, requests = (node.home / "venv/pyvenv.cfg").stat().st_mtime_ns, node.requests()
    done = node.install()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("install: already installed\n")
    assert ((node.home / "venv/pyvenv.cfg").stat().st_mtime_ns, node.requests()) == (before, requests)


def test_a_run_that_was_stopped_is_made_good(node):
    """What is half there is replaced."""
    (node.home / "venv/bin").mkdir(parents=True)
    (node.home / "extractor").mkdir()
    (node.home / "extractor/old").write_text("old")
    (node.home / ".work.killed").mkdir()
    assert node.install().returncode == 0
    assert node.python("import apple; print(apple.NAME)") == "apple"
    assert not (node.home / "extractor/old").exists()
    assert not list(node.home.glob(".work.*"))


def test_other_artifacts_replace_the_installed_ones(node):
    """Another extractor comes in place of the first."""
    assert node.install().returncode == 0
    (node.bucket / "extractor.zip").rename(node.bucket / "other.zip")
    done = node.install(*node.arguments(extractor="s3://bucket/other.zip"))
    assert (done.returncode, "already installed" in done.stdout) == (0, False)


def test_a_folder_that_only_root_may_make_is_made_with_sudo(node):
    """As on EMR, where bootstrap actions run as the user hadoop."""
    sudo = executable(node.folder / "bin/sudo", f'#!/bin/sh\necho "$@" >>{node.folder}/sudo\n')
    executable(node.folder / "bin/mkdir", "#!/bin/sh\nexit 1\n")
    assert node.install().returncode == 1
    assert (node.folder / "sudo").read_text().splitlines() == [
        f"mkdir -p {node.home}",
        f"chown {os.getuid()}:{os.getgid()} {node.home}",
    ]
    assert sudo.exists()


def test_shellcheck_finds_nothing():
    """And the script is strict."""
    done = subprocess.run(
        [Path(sys.executable).with_name("shellcheck"), "--enable=quote-safe-variables", SCRIPT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("", 0)
    assert "set -euo pipefail" in SCRIPT.read_text()
    assert os.access(SCRIPT, os.X_OK)
