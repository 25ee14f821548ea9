"""The jars are the pinned ones, or a message says what to do."""

import pytest

from rehearsal.machine import jars


@pytest.fixture
def repository(tmp_path):
    """A repository on disk whose jars are not the pinned ones."""
    for jar in jars.pinned_jars():
        file = tmp_path / "repository" / jar.path
        file.parent.mkdir(parents=True)
        file.write_bytes(b"other")
    return f"{(tmp_path / 'repository').as_uri()}/"


def test_a_changed_jar_is_not_used(tmp_path, repository):
    """Though it was downloaded."""
    with pytest.raises(jars.JarsError, match=r"not the pinned jars: s3/.*Delete the folder"):
        jars.fetch_jars(tmp_path / "jars", repository)


def test_a_repository_without_the_jars_is_an_error_of_one_line(tmp_path):
    """It says where they can be put by hand."""
    with pytest.raises(jars.JarsError, match=r"could not be downloaded.*put the files of jars\.sha256 into"):
        jars.fetch_jars(tmp_path / "jars", f"{tmp_path.as_uri()}/")


def test_without_jars_the_message_names_the_command(tmp_path):
    """Before anything is started."""
    with pytest.raises(jars.JarsError, match="make rehearsal-ready"):
        jars.require_jars(tmp_path)
