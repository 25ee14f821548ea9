"""The jars are the pinned ones, or a message says what to do."""

import pytest

from rehearsal.errors import RehearsalError
from rehearsal.machine import jars


def test_a_changed_jar_is_not_used(tmp_path, monkeypatch):
    """Though a download left it there."""
    names = jars._pins()
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"other")
    monkeypatch.setattr(jars, "_run_ivy", lambda work, folder: None)
    with pytest.raises(RehearsalError, match=r"not the pinned jars: s3/.*Delete the folder"):
        jars.fetch_jars(tmp_path)


def test_without_jars_the_message_names_the_command(tmp_path):
    """Before anything is started."""
    with pytest.raises(RehearsalError, match=r"python -m rehearsal\.machine\.jars"):
        jars.require_jars(tmp_path)
