"""A rehearsal's AWS that stays up when the program that started it ends."""

import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.checkout import ROOT
from operate.connection import Connection
from rehearsal.errors import RehearsalError
from rehearsal.processes import wait_until
from rehearsal.settings import PEOPLE, Settings, free_port

START_SECONDS = 60.0


def start_kept(home: Path, region: str) -> tuple[Settings, int]:
    """Start an AWS that stays, wait until it answers, and return it with the id of its process.

    Raises:
        RehearsalError: it ended or did not answer.
    """
    settings = Settings(home.resolve(), free_port(), region)
    home.mkdir(parents=True, exist_ok=True)
    log, environment = home / "serve.log", settings.environment_file
    words = ["serve", f"--home={settings.home}", f"--port={settings.port}", f"--region={region}"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "fruit", "rehearse", *words, f"--env-file={environment}"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    wait_until(lambda: environment.exists() or process.poll() is not None, START_SECONDS)
    if not environment.exists():
        process.terminate()
        raise RehearsalError(f"the rehearsal's AWS did not start: {log} says why")
    return settings, process.pid


def write_submitter(settings: Settings, connection: Connection) -> None:
    """Write what a shell reads to use this AWS with the submitter's role, which a connection has taken."""
    credentials = connection.session.get_credentials()
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    values = (credentials.access_key, credentials.secret_key, credentials.token)
    environment = {**settings.client_environment(), **dict(zip(keys, values, strict=True))}
    settings.submitter_file.touch(mode=0o600)
    settings.submitter_file.write_text(exported(environment))


def write_people(settings: Settings) -> None:
    """Write a file for each person, which a shell reads to be that person."""
    folder = settings.home / "people"
    folder.mkdir(mode=0o700, exist_ok=True)
    for person in PEOPLE:
        (folder / person).write_text(exported(settings.client_environment(person)))


def exported(environment: Mapping[str, str]) -> str:
    """Return lines for a shell that set an environment."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())


def how_to_use(settings: Settings, pid: int, stage: str) -> list[str]:
    """Return what a person types next."""
    return [
        "it stays up; in each shell that is to submit runs:",
        f"  source {settings.submitter_file}",
        "then, as in a real account:",
        *(f"  fruit {words} --stage={stage}" for words in ("status", "logs", "submit --wait")),
        "and in each that is to deploy or to destroy, as the deployer:",
        f"  source {settings.environment_file}",
        "  fruit rehearse interrupt",
        "and to stop it, with all that it runs:",
        f"  kill {pid}",
    ]
