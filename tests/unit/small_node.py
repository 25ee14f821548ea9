"""A node for tests of the install script: a stand-in copies files for `aws s3 cp`, all else is real."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import ZipFile

from infra.artifacts.extractor import ExtractorRequest, pack_extractor
from tests.unit.small_wheels import make_wheel, pin, small_wheelhouse

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "bootstrap/install.sh"
# `aws s3 cp --only-show-errors s3://BUCKET/KEY FILE`
AWS = """#!/usr/bin/env bash
[[ "$1 $2 $3" == "s3 cp --only-show-errors" ]] || exit 252
echo "$4" >>{bucket}/requests
cp "{bucket}/${{4#s3://bucket/}}" "$5" || {{ echo "fatal error: An error occurred (404): $4" >&2; exit 1; }}
"""


@dataclass
class Node:
    """A machine with the script's surroundings, and a bucket that it can read."""

    folder: Path
    pins_sha256: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def bucket(self) -> Path:
        return self.folder / "bucket"

    @property
    def home(self) -> Path:
        return self.folder / "opt/fruit-features"

    def arguments(self, **others: str) -> list[str]:
        uris = {name: f"s3://bucket/{name}.zip" for name in ("installer", "wheelhouse", "extractor")}
        return [
            f"--{name}={value}" for name, value in {**uris, "pins-sha256": self.pins_sha256, **others}.items()
        ]

    def install(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.folder}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "FRUIT_FEATURES_HOME": str(self.home),
            "FRUIT_FEATURES_PYTHON": sys.executable,
            **self.environment,
        }
        return subprocess.run(
            [str(SCRIPT), *(arguments or self.arguments())],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def python(self, code: str) -> str:
        done = subprocess.run([self.home / "venv/bin/python", "-c", code], capture_output=True, text=True)
        return done.stdout.strip() or done.stderr

    def requests(self) -> int:
        return len((self.bucket / "requests").read_text().splitlines())


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def make_installer(bucket: Path) -> str:
    """A wheel whose `uv` is this environment's; the pin of it."""
    uv = Path(sys.executable).with_name("uv")
    with ZipFile(bucket / "installer.zip", "w") as wheel:
        wheel.writestr("uv-1.0.data/scripts/uv", f'#!/bin/sh\nexec {uv} "$@"\n')
    return pin(bucket / "installer.zip").replace("installer.zip", "uv")


def rewrite(archive: Path, name: str, change) -> None:
    """Change one entry of a zip file, whose CRC is then right again."""
    with ZipFile(archive) as old:
        contents = {entry: old.read(entry) for entry in old.namelist()}
    contents[name] = change(contents[name])
    with ZipFile(archive, "w") as new:
        for entry, content in contents.items():
            new.writestr(entry, content)


def fresh_node(tmp_path: Path, tiny_extractor: Path) -> Node:
    """A fresh node, and everything it needs in its bucket."""
    node = Node(tmp_path)
    node.bucket.mkdir()
    executable(tmp_path / "bin/aws", AWS.format(bucket=node.bucket))
    wheels = [make_wheel(tmp_path / "index", "apple", needs=["pear"]), make_wheel(tmp_path / "index", "pear")]
    pins = small_wheelhouse(node.bucket / "wheelhouse.zip", wheels, make_installer(node.bucket))
    node.pins_sha256 = pins.sha256
    pack_extractor(tiny_extractor, ExtractorRequest("tiny", "openvino", None), node.bucket / "extractor.zip")
    return node


def reason(done: subprocess.CompletedProcess[str]) -> str:
    """The last line of a failed run, which is its only line on stderr."""
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    return line.partition(" install: Error: ")[2]
