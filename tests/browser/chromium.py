"""Finds a Chromium for the browser tests, or unpacks the one that comes with `npm ci`."""

import io
import json
import os
import shutil
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import brotli

PROJECT = Path(__file__).resolve().parents[2]
# Python learnt to refuse paths that lead outside in 3.11.4; the archive is pinned by its hash.
SAFELY: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
PACKAGE = PROJECT / "node_modules" / "@sparticuz" / "chromium"
CACHE = PROJECT / ".cache" / "chromium"
COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# --no-sandbox: containers and CI run the tests as root, where the sandbox cannot start; the only
# pages opened are the tests' own. The next ones keep the browser from calling home.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-gpu",
)

_FONTS_CONF = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
"""


class NoChromiumError(Exception):
    """There is no browser to test with."""


@dataclass(frozen=True)
class Chromium:
    """A browser and how it is started."""

    executable: str
    arguments: tuple[str, ...] = ARGUMENTS
    environment: dict[str, str] = field(default_factory=dict)


def find_chromium() -> Chromium:
    """`$CHROMIUM`, else a browser on the PATH, else the build inside the npm package.

    Raises:
        NoChromiumError: there is none of them.
    """
    if given := os.environ.get("CHROMIUM"):
        if not shutil.which(given):
            raise NoChromiumError(f"CHROMIUM={given!r} is not a program")
        return Chromium(given)
    for command in COMMANDS:
        if path := shutil.which(command):
            return Chromium(path)
    if not (PACKAGE / "bin" / "chromium.br").is_file():
        raise NoChromiumError(
            "no Chromium to test the report with: run `make test`, which fetches one (`npm ci`), "
            "or set CHROMIUM to a browser's path"
        )
    return _packaged(_unpacked(PACKAGE / "bin", CACHE))


def _packaged(folder: Path) -> Chromium:
    """The npm package's build is a headless shell that brings its libraries and fonts along."""
    environment = {
        "HOME": str(folder),
        "LD_LIBRARY_PATH": str(folder / "al2023" / "lib"),
        "FONTCONFIG_PATH": str(folder / "fonts"),
    }
    arguments = (*ARGUMENTS, "--headless=shell", "--no-zygote")
    return Chromium(str(folder / "chromium"), arguments, environment)


def _unpacked(archives: Path, cache: Path) -> Path:
    """The package's archives, unpacked once for each version of the package.

    Several test runs may do this at once, and each may be interrupted: the folder gets its name
    only when it is complete, and whoever comes second keeps the first one's.
    """
    version = json.loads((archives.parent / "package.json").read_text())["version"]
    finished = cache / version
    if finished.is_dir():
        return finished
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unpacking-", dir=cache))
    try:
        _unpack(archives, unfinished)
        unfinished.rename(finished)
    except OSError:
        if not finished.is_dir():
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return finished


def _unpack(archives: Path, folder: Path) -> None:
    program = folder / "chromium"
    program.write_bytes(brotli.decompress((archives / "chromium.br").read_bytes()))
    program.chmod(0o755)
    for name in ("al2023", "fonts", "swiftshader"):
        target = folder if name == "swiftshader" else folder / name
        content = brotli.decompress((archives / f"{name}.tar.br").read_bytes())
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            archive.extractall(target, **SAFELY)
    # The package's own fonts.conf names the folders of a Lambda function; without fonts Chromium
    # lays out no text at all, and `inner_text` is empty.
    (folder / "fonts" / "fonts.conf").write_text(_FONTS_CONF)


if __name__ == "__main__":
    try:
        print(find_chromium().executable)
    except NoChromiumError as error:
        sys.exit(f"Error: {error}")
