"""Programs that a rehearsal starts: those that end with it, and an AWS that stays up when it has ended."""

import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from infra.checkout import ROOT
from operate.connection import Connection
from rehearsal.errors import RehearsalError
from rehearsal.processes import end, start, wait_until
from rehearsal.settings import PRIVACY_OFFICER, Settings, free_port

LAST_LINES = 8
START_SECONDS = 60.0  # of an AWS
POLL_SECONDS = 1.0
GRACE_SECONDS = 10.0
# Words by which CDK, CloudFormation and `fruit destroy` say that something failed, or is left.
FAILURE_WORDS = ("_FAILED", "Error:", "failed:", "LEFT:", "remove by hand")


class Programs:
    """Starts programs, from several threads; `end` ends those that run and lets no other begin."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder  # each program's output goes to `NAME.log` in it
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._ended = False

    def run(
        self,
        words: Sequence[str],
        name: str,
        *,
        folder: Path = ROOT,
        environment: Mapping[str, str] | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """Run a program to its end; `meanwhile` is called about once a second, and once after its end.

        Variables of `environment` replace ours. Raises RehearsalError with the lines that say why: it failed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / f"{name}.log"
        with log.open("w") as output:
            with self._lock:
                if self._ended:
                    raise RehearsalError("the rehearsal ends: nothing is started any more")
                child = start(words, output, folder, {**os.environ, **(environment or {})})
                self._running.add(child)
            try:
                code = None
                while code is None:
                    with suppress(subprocess.TimeoutExpired):
                        code = child.wait(POLL_SECONDS)
                    meanwhile()
            finally:
                _end(child)
                self._running.discard(child)
        if code:
            why = failure_lines(log.read_text(errors="replace"))
            raise RehearsalError(f"{name} failed with exit code {code}\n{why}\nall it said: {log}")

    def end(self) -> None:
        with self._lock:
            self._ended = True
        for child in tuple(self._running):
            _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a program with what it has started, as `fruit destroy` has CDK: all are of its process group."""
    if child.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
    end(child, GRACE_SECONDS)


def failure_lines(text: str) -> str:
    """Return the lines of a log that speak of a failure, else its last ones; without repetitions."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    failures = [line for line in lines if any(word in line for word in FAILURE_WORDS)]
    return "\n".join(list(dict.fromkeys(failures or lines))[-LAST_LINES:])


def start_kept(home: Path, region: str) -> tuple[Settings, int]:
    """Start an AWS that stays, wait until it answers, and return it with the id of its process.

    Raises RehearsalError: it ended or did not answer.
    """
    settings = Settings(home.resolve(), free_port(), region)
    home.mkdir(parents=True, exist_ok=True)
    log, environment = home / "serve.log", settings.environment_file
    words = ["serve", f"--home={settings.home}", f"--port={settings.port}", f"--region={region}"]
    with log.open("wb") as output:
        words = [sys.executable, "-m", "fruit", "rehearse", *words, f"--env-file={environment}"]
        process = start(words, output, ROOT, os.environ)
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
        "and in each that is to audit or to forget, as the privacy officer:",
        f"  source {settings.home / 'people' / PRIVACY_OFFICER}",
        f"  fruit audit --stage={stage}",
        "and to stop it, with all that it runs:",
        f"  kill {pid}",
    ]
