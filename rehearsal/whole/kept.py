"""A rehearsal's AWS that stays when the program that started it ends."""

import subprocess
import sys
import time
from pathlib import Path

from rehearsal.errors import RehearsalError
from rehearsal.settings import ROOT, Settings, free_port

START_SECONDS = 60.0


def start_kept(home: Path, region: str) -> tuple[Settings, int]:
    """Start `python -m rehearsal serve` in a session of its own and wait until AWS answers; its process id.

    Raises:
        RehearsalError: it ended or did not answer.
    """
    settings = Settings(home.resolve(), free_port(), region)
    home.mkdir(parents=True, exist_ok=True)
    settings.ready_file.unlink(missing_ok=True)
    log = home / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "rehearsal", "serve"),
                *(f"--home={settings.home}", f"--port={settings.port}"),
            ],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while not settings.ready_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.terminate()
            raise RehearsalError(f"the rehearsal's AWS did not start: {log} says why")
        time.sleep(0.05)
    return settings, process.pid


def how_to_use(settings: Settings, stage: str, pid: int) -> list[str]:
    """What a person types next, for a rehearsal that was kept."""
    exports = " ".join(f"{name}={value}" for name, value in settings.client_environment().items())
    operate = f".venv/bin/python -m operate --stage={stage}"
    return [
        "it stays up; in each shell that is to use it:",
        f"  export {exports}",
        "then, as in a real account:",
        *(f"  {operate} {command}" for command in ("status", "runs", "submit --variance=0.9 --wait")),
        "  .venv/bin/python -m rehearsal interrupt",
        "and to stop it, with all that it runs:",
        f"  kill {pid}",
    ]
