"""How Spark is started on one machine, whatever else there is on it."""

import errno
import logging
import os
import pwd
import shlex
import sys
import tempfile
from pathlib import Path
from unittest.mock import MagicMock

import click
import pytest
from py4j import java_gateway

from spark_job import session
from spark_job.command_line import run_command_line
from spark_job.contract.errors import FruitError
from spark_job.contract.java import find_java_home


def test_folders_with_blanks_and_quotes_stay_whole(monkeypatch, tmp_path):
    """Each option of Java is one word after Spark has split them."""
    archive = tmp_path / 'Projet 8 "été"' / "it's.jsa"
    archive.parent.mkdir()
    archive.touch()
    monkeypatch.setattr(session, "CLASS_ARCHIVE", archive)
    monkeypatch.setattr(session.tempfile, "gettempdir", lambda: str(archive.parent))
    words = shlex.split(session.local_configuration()["spark.driver.extraJavaOptions"])
    assert f"-XX:SharedArchiveFile={archive}" in words
    assert f"-Djava.io.tmpdir={archive.parent}" in words
    assert len(words) == 4


def test_a_user_without_a_name_is_told_before_java_starts(monkeypatch):
    """Java would end with a NullPointerException."""

    def unknown(number):
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(FruitError, match=f"^the user number {os.getuid()} has no name on this machine"):
        find_java_home()


def test_the_scratch_folder_is_the_one_that_the_machine_names(monkeypatch, tmp_path):
    """A small or read-only /tmp is passed over with TMPDIR."""
    monkeypatch.setattr(session.tempfile, "tempdir", str(tmp_path))
    assert Path(session.local_configuration()["spark.local.dir"]) == tmp_path


def test_a_run_that_is_stopped_ends_without_a_traceback_of_py4j(monkeypatch, caplog):
    """Ctrl-C is one line, the run's own; what else is logged stays."""
    assert f'logging.exception("{session.STOPPED}")' in Path(java_gateway.__file__).read_text()
    opened_by(monkeypatch)
    logging.error(session.STOPPED)
    logging.error("another")
    logging.getLogger().removeFilter(session._is_no_stop)
    assert [record.message for record in caplog.records] == ["another"]


def opened_by(monkeypatch):
    """Open a session that is none; return what builds it."""
    spark_session = MagicMock()
    monkeypatch.setattr(session, "SparkSession", spark_session)
    monkeypatch.setattr(session, "prepare_environment", lambda: None)
    monkeypatch.setattr(session, "local_configuration", dict)
    session.open_session("t")
    return spark_session.builder.appName("t")


def test_workers_read_public_buckets_as_the_driver_does(monkeypatch):
    """Also those on other machines."""
    monkeypatch.setenv("FRUIT_UNSIGNED_BUCKETS", "s3://public")
    opened_by(monkeypatch).config.assert_called_with(
        "spark.executorEnv.FRUIT_UNSIGNED_BUCKETS", "s3://public"
    )


def test_an_error_of_the_job_is_said_without_its_place_in_the_code():
    """Others keep their name: it often says more than their text."""
    told = "Job aborted\nspark_job.errors.StorageError: the AWS login has expired\n\tat java.lang.Thread"
    assert session.cause(Exception(told)) == "the AWS login has expired"
    assert session.cause(Exception("Traceback\nValueError: no")) == "ValueError: no"


def test_a_scratch_folder_that_is_full_or_missing_is_named_with_its_cure(capsys):
    """In Python and in Java, whose words stand in the middle of its calls."""
    advice = f"scratch data goes to {tempfile.gettempdir()}: set TMPDIR to a folder with more space"
    told = "An error occurred\n: java.nio.file.FileSystemException: a: No space left on device\n\tat b.c(d:1)"
    assert session.cause(Exception(told)).endswith(
        f"FileSystemException: a: No space left on device; {advice}"
    )
    for error, line in (
        (OSError(errno.ENOSPC, "No space left on device"), f"No space left on device; {advice}"),
        (
            FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"),
            "No usable temporary directory found in ['/tmp']: set TMPDIR to a folder that can be written",
        ),
    ):
        with pytest.raises(SystemExit) as end:
            run_command_line(click.Command("run", callback=MagicMock(side_effect=error)), [])
        assert (end.value.code, capsys.readouterr().err) == (1, f"Error: {line}\n")


def test_nothing_that_a_fork_must_do_is_registered_while_java_is_forked():
    """The module of thread pools registers something; imported at that moment, it leaves a traceback."""
    assert session.concurrent.futures.thread is sys.modules["concurrent.futures.thread"]
