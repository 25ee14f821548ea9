"""A rehearsal's AWS that stays up when the program that started it ends."""

import subprocess
import sys
from pathlib import Path

from infra.checkout import ROOT
from rehearsal.errors import RehearsalError
from rehearsal.processes import wait_until
from rehearsal.settings import Settings, free_port

START_SECONDS = 60.0


def start_kept(home: Path, region: str) -> tuple[Settings, int]:
    """Start an AWS that stays, wait until it answers, and return it with the id of its process.

    Raises:
        RehearsalError: it ended or did not answer.
    """
    settings = Settings(home.resolve(), free_port(), region)
    home.mkdir(parents=True, exist_ok=True)
    log, environment = home / "serve.log", environment_file(settings)
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


def environment_file(settings: Settings) -> Path:
    """Return the file that a shell reads to use this AWS; it is gone when the AWS has stopped."""
    return settings.home / "environment"


def how_to_use(settings: Settings, pid: int, stage: str) -> list[str]:
    """Return what a person types next."""
    return [
        "it stays up; in each shell that is to use it:",
        f"  source {environment_file(settings)}",
        "then, as in a real account:",
        *(f"  fruit {words} --stage={stage}" for words in ("status", "logs", "submit --wait")),
        "  fruit rehearse interrupt",
        "and to stop it, with all that it runs:",
        f"  kill {pid}",
    ]
