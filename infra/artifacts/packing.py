"""Zip files whose bytes follow from names and contents alone; hashes; the job as such a file."""

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

CHECKSUMS = "SHA256SUMS"
# The earliest that zip knows: when a file was made says nothing about it.
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
PACKAGE = "spark_job"
ENTRY_POINT = "spark_job/main.py"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex; it is read in pieces. Raises OSError: the file cannot be read."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_of(description: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hex, of a JSON-like description; the order of its keys does not count."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def write_zip(path: Path, files: Mapping[str, Path]) -> None:
    """Pack files under their names, sorted, all with one date and mode 0644; whole or not at all.

    Nothing is compressed: wheels and weights are already, and zlib's output differs between versions.
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


def job_files(root: Path) -> dict[str, Path]:
    """Return the files of the job, by their names in the zip, such as `spark_job/main.py`."""
    return {
        f"{PACKAGE}/{name}": file
        for name, file in files_below(root / PACKAGE).items()
        if file.suffix != ".pyc"
        and not any(part.startswith((".", "__pycache__")) for part in name.split("/"))
    }


def job_inputs(root: Path) -> dict[str, str]:
    """Return what the job zip is made of: the hash of each file, by its name in the zip."""
    return {name: sha256_of(file) for name, file in job_files(root).items()}


def build_job(root: Path, path: Path) -> None:
    """Write the job zip."""
    write_zip(path, job_files(root))
