"""The zip files of the build: their bytes follow from their contents, and the job's is the job."""

import json
import os
import shutil
import subprocess
import sys
from zipfile import ZIP_STORED, ZipFile

import pytest

from infra.artifacts.packing import (
    CHECKSUMS,
    build_job,
    hash_of,
    job_files,
    job_inputs,
    write_checksums,
    write_zip,
)
from infra.checkout import ROOT
from spark_job.contract.step import PYTHON_DAEMON


@pytest.fixture
def job(tmp_path):
    """A copy of the job's sources that a test may change."""
    shutil.copytree(ROOT / "spark_job", tmp_path / "spark_job")
    return tmp_path


def test_same_contents_give_the_same_bytes(tmp_path):
    """Dates, modes and the order of files do not count."""
    for name, date, mode in [("a", 1, 0o644), ("b", 2_000_000_000, 0o600)]:
        (tmp_path / name).mkdir()
        for file in ("one", "two"):
            (tmp_path / name / file).write_text(file)
            os.utime(tmp_path / name / file, (date, date))
            (tmp_path / name / file).chmod(mode)
    write_zip(tmp_path / "a.zip", {"one": tmp_path / "a/one", "two": tmp_path / "a/two"})
    write_zip(tmp_path / "b.zip", {"two": tmp_path / "b/two", "one": tmp_path / "b/one"})
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_entries_are_sorted_uncompressed_and_readable_by_all(tmp_path):
    """zlib's output differs between versions; the job's user is not the one that unpacks."""
    (tmp_path / "file").write_text("x" * 1000)
    write_zip(tmp_path / "a.zip", {"z": tmp_path / "file", "a/b": tmp_path / "file"})
    entries = ZipFile(tmp_path / "a.zip").infolist()
    assert [entry.filename for entry in entries] == ["a/b", "z"]
    assert {(entry.compress_type, entry.external_attr >> 16, entry.date_time) for entry in entries} == {
        (ZIP_STORED, 0o100644, (1980, 1, 1, 0, 0, 0))
    }


def test_a_zip_that_cannot_be_finished_leaves_the_old_one(tmp_path):
    """A missing file ends it with an error; no half of a zip stays."""
    (tmp_path / "a.zip").write_text("old")
    with pytest.raises(FileNotFoundError):
        write_zip(tmp_path / "a.zip", {"name": tmp_path / "missing"})
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
    assert (tmp_path / "a.zip").read_text() == "old"


def test_sha256sum_accepts_the_checksums_and_notices_a_change(tmp_path):
    """The node checks what it unpacks with the tool that every Linux has."""
    (tmp_path / "file").write_text("good")
    assert write_checksums(tmp_path, {"file": tmp_path / "file"}).name == CHECKSUMS
    check = ["sha256sum", "--check", "--strict", CHECKSUMS]
    assert subprocess.run(check, cwd=tmp_path, check=False, capture_output=True).returncode == 0
    (tmp_path / "file").write_text("bad")
    assert subprocess.run(check, cwd=tmp_path, check=False, capture_output=True).returncode == 1


def test_the_job_zip_runs_alone(tmp_path):
    """From the zip, outside the project, Python imports the job and its data files are there."""
    build_job(ROOT, tmp_path / "job.zip")
    code = (
        "import json, spark_job.command_line as job; from importlib import resources;"
        "log = resources.files('spark_job').joinpath('log4j2.properties');"
        "print(json.dumps([job.__file__, log.is_file()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "job.zip")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [str(tmp_path / "job.zip/spark_job/command_line.py"), True]


@pytest.mark.command
def test_spark_forks_workers_from_the_job_zip(tmp_path):
    """As an executor starts it: the program says on which port it listens, and ends with its input."""
    build_job(ROOT, tmp_path / "job.zip")
    (program,) = PYTHON_DAEMON.values()
    done = subprocess.run(
        [sys.executable, "-m", program, "pyspark.worker"],
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "job.zip")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    assert 1024 <= int.from_bytes(done.stdout, "big") < 65536


def test_what_python_leaves_behind_is_no_part_of_the_job(job):
    """Compiled files come and go; the job and its hash stay."""
    before = job_inputs(job)
    (job / "spark_job/__pycache__").mkdir(exist_ok=True)
    (job / "spark_job/__pycache__/main.cpython-311.pyc").write_bytes(b"1")
    (job / "spark_job/.hidden").write_bytes(b"1")
    assert job_inputs(job) == before
    assert all(name.startswith("spark_job/") and "__pycache__" not in name for name in job_files(job))


def test_one_changed_line_changes_the_job(job):
    """The hash follows every file's content."""
    before = hash_of(job_inputs(job))
    with (job / "spark_job/reduction/principal_components.py").open("a") as source:
        source.write("# changed\n")
    assert hash_of(job_inputs(job)) != before
