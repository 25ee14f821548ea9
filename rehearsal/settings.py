"""Where a rehearsal lives, and the AWS account it plays."""

import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from infra.checkout import ROOT
from rehearsal.errors import MisuseError

# The only address that anything of a rehearsal listens on.
LOOPBACK = "127.0.0.1"
# An access key of twelve digits is the account's number to the emulator; AWS's documentation uses this one.
ACCOUNT = "111122223333"
SECRET = "rehearsal"  # noqa: S105 - it opens nothing
DEFAULT_REGION = "eu-west-3"
DEFAULT_HOME = ROOT / ".cache" / "rehearsal" / "home"


@dataclass(frozen=True)
class Settings:
    """One rehearsal.

    Attributes:
        home: Folder of its own; holds the log, the emulator's state and the clusters' nodes.
        port: Where AWS answers, on the loopback interface.
        region: What clients ask for if they name no other.
    """

    home: Path
    port: int
    region: str = DEFAULT_REGION

    @property
    def endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def temporary(self) -> Path:
        """What the emulator and its functions take for /tmp."""
        return self.home / "tmp"

    @property
    def clusters(self) -> Path:
        """Nodes of every cluster, each in its folder."""
        return self.home / "clusters"

    @property
    def log(self) -> Path:
        return self.home / "emulator.log"

    @property
    def ready_file(self) -> Path:
        """Appears when AWS answers: its endpoint, one line."""
        return self.home / "ready"

    def client_environment(self) -> dict[str, str]:
        """Return what a program needs in its environment to take the rehearsal for AWS."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            # Empty, not absent: tokens and profiles of a real account must not mix in.
            "AWS_SESSION_TOKEN": "",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": f"{LOOPBACK},localhost",
            "no_proxy": f"{LOOPBACK},localhost",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
        }


def free_port() -> int:
    """Return a port of the loopback interface that nothing listens on now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return different ports of the loopback interface that nothing listens on now."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def checked_port(port: int) -> int:
    """Return the port if nothing listens on it.

    Raises:
        MisuseError: something listens on it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise MisuseError(f"port {port} is taken: give another --port, or none for any") from error
    return port
