"""The wheelhouse of a node: its pins, by processor and engine, and every wheel that these allow, by hash."""

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import InvalidRequirement, Requirement

from infra.artifacts.packing import CHECKSUMS, files_below, write_checksums, write_zip
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
WHEELS = "wheels"
IMPORTS = "imports.txt"
# Every node that joins waits for the download. TensorFlow alone is larger.
MAX_BYTES = {"openvino": 340_000_000, "tensorflow": 1_000_000_000}
# What the job's workers import: the node proves that its system has what the wheels ask for, and Python
# keeps the bytecode.
WORKER_MODULES = (
    "cv2", "imagecodecs", "numpy", "obstore", "PIL", "pi_heif", "pyarrow", "simplejpeg", "_libvips",
)  # fmt: skip


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
        return {INSTALLER: self.installer, REQUIREMENTS: self.requirements}

    @property
    def sha256(self) -> str:
        """SHA-256, in hex, of both lists one after the other: it decides what a node may install."""
        return hashlib.sha256("".join(self.files[name] for name in sorted(self.files)).encode()).hexdigest()


def node_pins(root: Path, engine: str, platform: NodePlatform) -> NodePins:
    """Return the pins that apply on a platform, without markers. Raises InfraError: a file cannot be used."""
    requirements, installer = root / _ENGINE_PINS[engine], root / _INSTALLER_PINS
    return NodePins(_applicable(requirements, platform), _applicable(installer, platform))


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


def download_wheels(pins: str, platform: NodePlatform, folder: Path) -> None:
    """Fetch the wheels of pins for a node's platform, and check their hashes. Raises InfraError."""
    with TemporaryDirectory() as scratch:
        listing = Path(scratch, "pins.txt")
        listing.write_text(pins, encoding="utf-8")
        # The pins are complete, hence --no-deps; `check_complete` holds them to it.
        words = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--only-binary=:all:", "--require-hashes", "--implementation=cp"),
            *(f"--platform={tag}" for tag in platform.wheel_tags),
            *(f"--python-version={PYTHON_VERSION}", f"--dest={folder}", f"--requirement={listing}"),
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = (errors or [done.stderr.strip()])[0].removeprefix("ERROR: ")
        raise InfraError(f"the wheels cannot be downloaded: {reason}")


def build_wheelhouse(
    path: Path, pins: NodePins, platform: NodePlatform, *, modules: Iterable[str], max_bytes: int
) -> None:
    """Write the wheelhouse: `wheels/`, the pins, what to import as a proof, and checksums of them all.

    Raises InfraError: a wheel cannot be had, the pins are incomplete, or the whole is larger than allowed.
    """
    with TemporaryDirectory() as scratch:
        folder = Path(scratch, "wheelhouse")
        (folder / WHEELS).mkdir(parents=True)
        download_wheels(pins.requirements, platform, folder / WHEELS)
        for name, text in pins.files.items():
            (folder / name).write_text(text, encoding="utf-8")
        (folder / IMPORTS).write_text("".join(f"{name}\n" for name in modules))
        check_complete(folder, platform)
        files = files_below(folder)
        size = sum(file.stat().st_size for file in files.values())
        if size > max_bytes:
            words = f"{size / 1e6:,.1f} MB, {max_bytes / 1e6:,.1f} MB are allowed: pin fewer"
            raise InfraError(f"the wheelhouse has {words}")
        write_zip(path, {**files, CHECKSUMS: write_checksums(Path(scratch), files)})


def build_installer(path: Path, pins: NodePins, platform: NodePlatform) -> None:
    """Write uv's wheel for the node, untouched: a wheel is a zip file."""
    with TemporaryDirectory() as scratch:
        download_wheels(pins.installer, platform, Path(scratch))
        (wheel,) = Path(scratch).glob("*.whl")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(wheel, path)


def check_complete(folder: Path, platform: NodePlatform) -> None:
    """Resolve as the node will, offline. Raises InfraError, with uv's message: a dependency is missing."""
    with TemporaryDirectory() as scratch:
        words = [
            *(str(Path(sys.executable).with_name("uv")), "pip", "install", "--dry-run", "--quiet"),
            *("--no-config", "--offline", "--no-index", f"--find-links={folder / WHEELS}"),
            *("--require-hashes", f"--requirement={folder / REQUIREMENTS}"),
            *(f"--python-platform={platform.name}", f"--python-version={PYTHON_VERSION}"),
            *(f"--python={sys.executable}", f"--target={scratch}"),
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InfraError(f"the pins of the node are incomplete: {' '.join(done.stderr.split())}")
