"""What a person finds who kept a rehearsal up."""

import stat

import boto3

from operate.connection import Connection
from rehearsal.full_run.programs import how_to_use, write_submitter
from rehearsal.settings import Settings


def test_who_submits_has_the_roles_credentials_and_no_other(tmp_path):
    """In a file for a shell, which only the user who started it may read; the advice names it."""
    settings = Settings(tmp_path, 1)
    settings.make_keys()
    session = boto3.Session("id", "secret", "token")
    write_submitter(settings, Connection("dev", "eu-west-3", session=session))
    path = settings.submitter_file
    text = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for line in ("AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token"):
        assert f"export {line}\n" in text
    assert settings.keys.secret_access_key not in text
    assert f"  source {path}" in how_to_use(settings, 1, "dev")
    assert f"  source {tmp_path}/people/privacy-officer" in how_to_use(settings, 1, "dev")
