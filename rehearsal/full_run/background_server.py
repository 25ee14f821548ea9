"""A rehearsal's AWS that stays up when the program that started it ends."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from infra.checkout import ROOT
from rehearsal.errors import RehearsalError
from rehearsal.settings import Settings, free_port

START_SECONDS = 60.0


@dataclass(frozen=True)
class KeptAws:
    """A running `serve` command, in a session of its own."""

    settings: Settings
    pid: int

    @property
    def environment_file(self) -> Path:
        """The file that a shell reads to use it; gone when it has stopped."""
        return self.settings.home / "environment"

    def how_to_use(self, stage: str) -> list[str]:
        """Return what a person types next."""
        return [
            "it stays up; in each shell that is to use it:",
            f"  source {self.environment_file}",
            "then, as in a real account:",
            *(f"  fruit {words} --stage={stage}" for words in ("status", "logs", "submit --wait")),
            "  fruit rehearse interrupt",
            "and to stop it, with all that it runs:",
            f"  kill {self.pid}",
        ]


def start_kept(home: Path, region: str) -> KeptAws:
    """Start an AWS that stays, and wait until it answers.

    Raises:
        RehearsalError: it ended or did not answer.
    """
    settings = Settings(home.resolve(), free_port(), region)
    home.mkdir(parents=True, exist_ok=True)
    log = home / "serve.log"
    file = KeptAws(settings, 0).environment_file
    words = ["serve", f"--home={settings.home}", f"--port={settings.port}", f"--region={region}"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "fruit", "rehearse", *words, f"--env-file={file}"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while not file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.terminate()
            raise RehearsalError(f"the rehearsal's AWS did not start: {log} says why")
        time.sleep(0.05)
    return KeptAws(settings, process.pid)
