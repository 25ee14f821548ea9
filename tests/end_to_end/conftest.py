"""What both stories need: YARN's jars, the built artifacts, photographs, and the job run directly on them."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from infra.checkout import ROOT
from rehearsal.demo.photographs import write_archive
from rehearsal.machine.jars import fetch_jars
from tests.end_to_end.stage import FIELDS, VARIANCE, words
from tests.spark.runs import RunResults

DIRECT = "direct"
VIEWS = 3  # of each kind


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """`dist/` as `make build` makes it, once; the one event here that may fetch from another host."""
    fetch_jars()
    build = [sys.executable, "-m", "infra.artifacts", "build", *words(FIELDS)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "dist"


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small archive: `Training/KIND/NUMBER_100.jpg`."""
    folder = tmp_path_factory.mktemp("photographs")
    write_archive(folder, views=VIEWS)
    return folder


@pytest.fixture(scope="session")
def direct(artifacts: Path, photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResults:
    """The same job with the same extractor, run on the photographs without any cluster."""
    folder = tmp_path_factory.mktemp("direct")
    with zipfile.ZipFile(artifacts / "extractor.zip") as extractor:
        extractor.extractall(folder / "extractor")
    job = [sys.executable, "-m", "spark_job", "run", f"--images={photographs}", f"--results={folder}"]
    job += [f"--extractor={folder / 'extractor'}", f"--run-id={DIRECT}", f"--variance={VARIANCE}"]
    done = subprocess.run(job, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return RunResults(folder / DIRECT)


def json_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What a command printed with `--json`; it has to have succeeded."""
    assert done.returncode == 0, done.stdout + done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed
