"""The wheelhouse of a node: every wheel it installs, for its processor, with the hashes that are allowed."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.artifacts.node_requirements import (
    PYTHON_VERSION,
    REQUIREMENTS,
    NodePins,
    NodePlatform,
)
from infra.artifacts.packing import CHECKSUMS, files_below, write_checksums, write_zip
from infra.errors import InfraError

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
class Wheelhouse:
    """The contents of a wheelhouse, and how large it may be."""

    pins: NodePins
    platform: NodePlatform
    modules: tuple[str, ...]  # that the node imports when all is installed
    max_bytes: int

    @classmethod
    def of(cls, engine: str, pins: NodePins, platform: NodePlatform) -> "Wheelhouse":
        """Describe the wheelhouse of a node that computes with an engine."""
        return cls(pins, platform, (engine, *WORKER_MODULES), MAX_BYTES[engine])


# (pins, platform, folder): fetches the wheel of each pin into the folder
Download = Callable[[str, NodePlatform, Path], None]


def download_wheels(pins: str, platform: NodePlatform, folder: Path) -> None:
    """Fetch the wheels of pins for a node's platform, whatever this machine is; hashes are checked.

    Raises InfraError: a wheel is not to be had for the platform, or does not have a pinned hash.
    """
    with TemporaryDirectory() as scratch:
        listing = Path(scratch, "pins.txt")
        listing.write_text(pins, encoding="utf-8")
        _pip(
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",  # the pins are complete; `check_complete` holds them to it
            "--only-binary=:all:",
            "--require-hashes",
            f"--python-version={PYTHON_VERSION}",
            "--implementation=cp",
            *(f"--platform={tag}" for tag in platform.wheel_tags),
            f"--dest={folder}",
            f"--requirement={listing}",
        )


def build_wheelhouse(path: Path, wheelhouse: Wheelhouse, download: Download = download_wheels) -> None:
    """Write the wheelhouse: `wheels/`, the pins, what to import as a proof, and checksums of them all.

    Raises InfraError: a wheel cannot be had, the pins are incomplete, or the whole is larger than allowed.
    """
    with TemporaryDirectory() as scratch:
        folder = Path(scratch, "wheelhouse")
        (folder / WHEELS).mkdir(parents=True)
        download(wheelhouse.pins.requirements, wheelhouse.platform, folder / WHEELS)
        for name, text in wheelhouse.pins.files.items():
            (folder / name).write_text(text, encoding="utf-8")
        (folder / IMPORTS).write_text("".join(f"{name}\n" for name in wheelhouse.modules))
        check_complete(folder, wheelhouse.platform)
        files = files_below(folder)
        size, most = sum(file.stat().st_size for file in files.values()), wheelhouse.max_bytes
        if size > most:
            words = f"{size / 1e6:,.1f} MB, {most / 1e6:,.1f} MB are allowed: pin fewer"
            raise InfraError(f"the wheelhouse has {words}")
        write_zip(path, {**files, CHECKSUMS: write_checksums(Path(scratch), files)})


def build_installer(
    path: Path, pins: NodePins, platform: NodePlatform, download: Download = download_wheels
) -> None:
    """Write uv's wheel for the node, untouched: a wheel is a zip file."""
    with TemporaryDirectory() as scratch:
        download(pins.installer, platform, Path(scratch))
        (wheel,) = Path(scratch).glob("*.whl")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(wheel, path)


def check_complete(folder: Path, platform: NodePlatform) -> None:
    """Resolve as the node will, offline: every dependency of every wheel is there and fits.

    Raises InfraError: one is missing; the message is uv's.
    """
    with TemporaryDirectory() as scratch:
        done = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("uv")), "pip", "install", "--dry-run", "--quiet"),
                *("--no-config", "--offline", "--no-index", f"--find-links={folder / WHEELS}"),
                *("--require-hashes", f"--requirement={folder / REQUIREMENTS}"),
                *(f"--python-platform={platform.name}", f"--python-version={PYTHON_VERSION}"),
                *(f"--python={sys.executable}", f"--target={scratch}"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise InfraError(f"the pins of the node are incomplete: {' '.join(done.stderr.split())}")


def _pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [
            done.stderr.strip()
        ]
        raise InfraError(f"the wheels cannot be downloaded: {errors[0].removeprefix('ERROR: ')}")
