"""Wheels of a few bytes, and a wheelhouse of them, as the real build packs it."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch
from zipfile import ZipFile

from infra.artifacts.wheelhouse import NodePins, NodePlatform, build_wheelhouse

MEGABYTE = 1_000_000


def make_wheel(folder: Path, name: str, *, tag: str = "py3-none-any", needs: Sequence[str] = ()) -> Path:
    """The wheel of a package of one module, version 1.0."""
    info = f"{name}-1.0.dist-info"
    requires = "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = {
        f"{name}.py": f"NAME = {name!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    path = folder / f"{name}-1.0-{tag}.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with ZipFile(path, "w") as wheel:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(file, text)
    return path


def pin(wheel: Path) -> str:
    """The requirement that allows this wheel's bytes alone."""
    name = wheel.name.partition("-")[0]
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def small_wheelhouse(
    path: Path, wheels: Sequence[Path], installer: str = "", *, max_bytes: int = MEGABYTE
) -> NodePins:
    """Pack wheels as the build does, without a download; the pins of it."""
    pins = NodePins("".join(pin(wheel) for wheel in wheels), installer)
    modules = tuple(wheel.name.partition("-")[0] for wheel in wheels)

    def copy(_pins: str, _platform: NodePlatform, folder: Path) -> None:
        for wheel in wheels:
            shutil.copy(wheel, folder)

    platform = NodePlatform("x86_64")
    with patch("infra.artifacts.wheelhouse.download_wheels", copy):
        build_wheelhouse(path, pins, platform, modules=modules, max_bytes=max_bytes)
    return pins
