"""Where a rehearsal lives, and the AWS account it plays."""

import json
import os
import re
import secrets
import socket
import string
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple, Self

from infra.checkout import ROOT
from rehearsal.errors import RehearsalError
from spark_job.contract.errors import MisuseError

# The only address that anything of a rehearsal listens on.
LOOPBACK = "127.0.0.1"
# AWS's documentation uses this one.
ACCOUNT = "111122223333"
DEFAULT_REGION = "eu-west-3"
# Each has the policy of this name in docs/policies.
DEPLOYER, BOOTSTRAPPER, DATA_SCIENTIST, REVIEWER = "deployer", "bootstrapper", "data-scientist", "reviewer"
PRIVACY_OFFICER = "privacy-officer"
PEOPLE = (DEPLOYER, BOOTSTRAPPER, DATA_SCIENTIST, REVIEWER, PRIVACY_OFFICER)
DEFAULT_HOME = ROOT / ".cache" / "rehearsal" / "home"
# The rehearsal's own requests, beside AWS's: rehearsal/emulator/gateway.py says what they do.
OWN_PATHS = "/_rehearsal/"
INTERRUPT_PATH = f"{OWN_PATHS}interrupt"
CONDITIONS_PATH = f"{OWN_PATHS}conditions"
PERMISSIONS_PATH = f"{OWN_PATHS}permissions"
# How a request says that it is meant to be refused, and over what it came; any other came over TLS 1.3.
PROBE_HEADER = "x-rehearsal-probe"
PLAIN, OLD_TLS, AS_IT_IS = "plain", "old-tls", "as-it-is"
# Below the ports that the system gives to connections: those can be taken before a daemon has started.
FIRST_PORT, PORTS_OF_OWN = 20_000, 12_000
_OWN_PORTS = cycle([FIRST_PORT + (os.getpid() * 251 + n) % PORTS_OF_OWN for n in range(PORTS_OF_OWN)])


class Keys(NamedTuple):
    """The credentials that open the rehearsal's AWS."""

    access_key_id: str
    secret_access_key: str

    @classmethod
    def new(cls) -> Self:
        """Return new ones, which nobody can guess."""
        letters = string.ascii_uppercase + string.digits
        access_key_id = "AKIA" + "".join(secrets.choice(letters) for _ in range(16))
        return cls(access_key_id, secrets.token_urlsafe(30))


class Settings:
    """Where one rehearsal is, and its keys."""

    def __init__(
        self, home: Path, port: int, region: str = DEFAULT_REGION, *, checks_permissions: bool = True
    ) -> None:
        self.home = home  # a folder of its own
        self.port, self.region = port, region  # where AWS answers; the region of clients that name no other
        # Whether the policies of callers are checked; else everybody may do everything.
        self.checks_permissions = checks_permissions
        self.endpoint = f"http://{LOOPBACK}:{port}"
        self.temporary = home / "tmp"  # what the emulator and its functions take for /tmp
        self.clusters = home / "clusters"  # nodes of every cluster, each in its folder
        self.log = home / "emulator.log"
        self.ready_file = home / "ready"  # appears when AWS answers
        self.keys_file = home / "keys"  # each person's keys of this start, for nobody else to read
        self.environment_file = home / "environment"  # for shells, to use an AWS that is kept, while it is up
        self.submitter_file = home / "submitter"  # the same with the submitter's role, for four hours

    @property
    def keys(self) -> Keys:
        """The deployer's keys of this start. Raises RehearsalError: it has not been started."""
        return self.keys_of(DEPLOYER)

    def keys_of(self, person: str) -> Keys:
        """Return the keys of one of `PEOPLE`. Raises RehearsalError: it has not been started."""
        try:
            return Keys(*json.loads(self.keys_file.read_text())[person])
        except FileNotFoundError as error:
            raise RehearsalError("the rehearsal's AWS has not been started: it has no keys") from error

    def make_keys(self) -> None:
        """Make the keys of a new start; those of an earlier one open nothing any more."""
        self.keys_file.unlink(missing_ok=True)
        self.keys_file.touch(mode=0o600)
        self.keys_file.write_text(json.dumps({person: Keys.new() for person in PEOPLE}))

    def client_environment(self, person: str = DEPLOYER) -> dict[str, str]:
        """Return what a person's program needs in its environment to take the rehearsal for AWS."""
        keys = self.keys_of(person)
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": keys.access_key_id,
            "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
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


def require_plain(folder: Path) -> None:
    """Raise MisuseError for a folder whose name Spark and YARN cannot hand to Java and to shells."""
    if found := re.search(r"[^\w./+@~,=-]", str(folder), re.ASCII):
        raise MisuseError(
            f"{folder} holds {found[0]!r}, which the rehearsal's Spark and YARN do not take in a name: move "
            "the project to a folder without blanks, quotes, accents and signs of a shell"
        )


def free_port() -> int:
    """Return a port of the loopback interface that nothing listens on now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return different ports of the loopback interface that nothing listens on now.

    A process gets none twice, and those of another process are far from its own.
    """
    found: list[int] = []
    for port in islice(_OWN_PORTS, PORTS_OF_OWN):
        with socket.socket() as probe, suppress(OSError):
            probe.bind((LOOPBACK, port))
            found.append(port)
        if len(found) == count:
            return found
    raise MisuseError(f"fewer than {count} of the ports from {FIRST_PORT} on are free: end what uses them")


def checked_port(port: int) -> int:
    """Return the port if nothing listens on it. Raises MisuseError: something listens on it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise MisuseError(f"port {port} is taken: give another --port, or none for any") from error
    return port
