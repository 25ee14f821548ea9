"""The pins of a node: which packages its processor and its engine get, with the hashes of their wheels."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from infra.errors import InfraError

PYTHON_VERSION = "3.11"
# Amazon Linux 2023, which EMR 7 runs on: https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html
GLIBC = (2, 34)
# The oldest glibc that a wheel may ask for, by processor (PEP 599, PEP 571).
_OLDEST_GLIBC_MINOR = {"x86_64": 5, "aarch64": 17}
INSTALLER = "installer.txt"
REQUIREMENTS = "requirements.txt"
_INSTALLER_PINS = "requirements-setup.txt"
_ENGINE_PINS = {"openvino": "requirements-node.txt", "tensorflow": "requirements-node-tensorflow.txt"}


@dataclass(frozen=True)
class NodePlatform:
    """The processor of a node, under an operating system that is always Amazon Linux 2023."""

    machine: str  # as `uname -m`: x86_64, aarch64

    @classmethod
    def of(cls, architecture: str) -> "NodePlatform":
        """Return the platform of an architecture as EC2 names it: `x86_64` or `arm64`."""
        return cls({"arm64": "aarch64"}.get(architecture, architecture))

    @property
    def name(self) -> str:
        """The platform's name for uv: `x86_64-manylinux_2_34`."""
        return f"{self.machine}-manylinux_{GLIBC[0]}_{GLIBC[1]}"

    @property
    def wheel_tags(self) -> list[str]:
        """The tags of wheels that run there, the newest first, as `pip download --platform` wants."""
        minors = range(GLIBC[1], _OLDEST_GLIBC_MINOR[self.machine] - 1, -1)
        legacy = ["manylinux2014"] + ["manylinux2010", "manylinux1"] * (self.machine == "x86_64")
        tags = [f"manylinux_{GLIBC[0]}_{minor}" for minor in minors] + legacy
        return [f"{tag}_{self.machine}" for tag in tags]

    @property
    def environment(self) -> dict[str, str]:
        """The values that the markers of a requirement are compared with."""
        return {
            "implementation_name": "cpython",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_full_version": f"{PYTHON_VERSION}.0",
            "python_version": PYTHON_VERSION,
            "sys_platform": "linux",
        }


@dataclass(frozen=True)
class NodePins:
    """The requirements of a node, and of what installs them."""

    requirements: str
    installer: str

    @property
    def files(self) -> dict[str, str]:
        """The contents of the wheelhouse's two lists, by name."""
        return {INSTALLER: self.installer, REQUIREMENTS: self.requirements}

    @property
    def sha256(self) -> str:
        """SHA-256, in hex, of both lists one after the other: it decides what a node may install."""
        return hashlib.sha256("".join(self.files[name] for name in sorted(self.files)).encode()).hexdigest()


def node_pins(root: Path, engine: str, platform: NodePlatform) -> NodePins:
    """Return the pins that apply on a platform, without markers: the same text wherever it is made.

    Raises InfraError: a pin file is missing or not as `uv pip compile --generate-hashes` writes it.
    """
    return NodePins(
        requirements=_applicable(root / _ENGINE_PINS[engine], platform),
        installer=_applicable(root / _INSTALLER_PINS, platform),
    )


def pinned(path: Path, names: frozenset[str]) -> dict[str, list[str]]:
    """Return `name==version`, with its markers, of each named package in a pin file."""
    pins: dict[str, list[str]] = {name: [] for name in sorted(names)}
    for requirement, _ in _pins(path):
        if requirement.name in names:
            pins[requirement.name].append(str(requirement))
    return pins


def _applicable(path: Path, platform: NodePlatform) -> str:
    lines = []
    for requirement, hashes in _pins(path):
        if requirement.marker is None or requirement.marker.evaluate(platform.environment):
            lines.append(" \\\n    ".join([f"{requirement.name}{requirement.specifier}", *sorted(hashes)]))
    return "\n".join(sorted(lines)) + "\n"


def _pins(path: Path) -> Iterator[tuple[Requirement, list[str]]]:
    try:
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    except OSError as error:
        raise InfraError(
            f"{path.name} cannot be read: {error.strerror}; `make requirements` makes it"
        ) from None
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}", line)
        try:
            requirement = Requirement(line.partition(" --hash=")[0].strip())
        except InvalidRequirement:
            raise InfraError(f"{path.name}: {line.strip()!r} is no pinned requirement") from None
        if not hashes:
            raise InfraError(f"{path.name}: {requirement} has no hash; `make requirements` pins it anew")
        yield requirement, hashes
