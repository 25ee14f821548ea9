"""Zip files whose bytes follow from names and contents alone."""

import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from infra.artifacts.file_hashes import sha256_of

CHECKSUMS = "SHA256SUMS"
# The earliest that zip knows: when a file was made says nothing about it.
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)
_UNIX = 3


def write_zip(path: Path, files: Mapping[str, Path]) -> None:
    """Pack files under their names, sorted, all with one date and mode 0644; whole or not at all.

    Nothing is compressed: wheels and weights are already, and zlib's output differs between versions.

    Raises:
        OSError: a file cannot be read, or `path` cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with ZipFile(unfinished, "w", ZIP_STORED) as archive:
            for name in sorted(files):
                with files[name].open("rb") as source, archive.open(_entry(name), "w") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_checksums(folder: Path, files: Mapping[str, Path]) -> Path:
    """Write SHA256SUMS of files into a folder, as `sha256sum --check` reads it, and return its path."""
    lines = [f"{sha256_of(files[name])}  {name}\n" for name in sorted(files)]
    path = folder / CHECKSUMS
    path.write_text("".join(lines), encoding="utf-8")
    return path


def files_below(folder: Path) -> dict[str, Path]:
    """Return every file below a folder by its name in it, with `/` between the parts."""
    return {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}


def _entry(name: str) -> ZipInfo:
    entry = ZipInfo(name, _TIMESTAMP)
    entry.create_system = _UNIX
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    return entry
