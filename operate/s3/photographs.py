"""The photographs of a folder: which files are taken, under which names, and what is in them."""

import base64
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from operate.errors import MisuseError, OperateError
from spark_job.contract.image_names import IMAGE_EXTENSIONS, SYSTEM_FILES

# S3's limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MOST_KEY_BYTES = 1024
MOST_PUT_BYTES = 5 * 2**30


@dataclass(frozen=True)
class Photograph:
    """One file to upload; `name` is relative to its folder, with `/` between the parts."""

    path: Path
    name: str
    size: int


def photographs(folder: Path, *, all_files: bool) -> list[Photograph]:
    """Return every photograph below the folder, by name, without hidden and system files.

    Args:
        folder: symbolic links are followed, except back to a folder above.
        all_files: whatever the extension.

    Raises:
        OperateError: a file cannot be stored in S3 under its name or in one request.
    """
    taken = []
    for path in _files(folder, frozenset()):
        if not _wanted(path.name, all_files):
            continue
        photograph = Photograph(path, path.relative_to(folder).as_posix(), path.stat().st_size)
        _check(photograph)
        taken.append(photograph)
    return sorted(taken, key=lambda photograph: photograph.name)


def require_photographs(folder: Path, *, all_files: bool) -> list[Photograph]:
    """Return the photographs of a folder. Raises MisuseError where there are none."""
    taken = photographs(folder, all_files=all_files)
    if not taken:
        raise MisuseError(f"{folder} has no photographs: give another folder, or --all-files")
    return taken


def digests(path: Path) -> tuple[str, str]:
    """Return what S3 knows a file's content by: MD5 in hexadecimal (ETag), SHA-256 in base64 (checksum)."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            md5.update(block)
            sha256.update(block)
    return md5.hexdigest(), base64.b64encode(sha256.digest()).decode()


def _files(folder: Path, above: frozenset[tuple[int, int]]) -> Iterator[Path]:
    status = folder.stat()
    seen = above | {(status.st_dev, status.st_ino)}
    for entry in os.scandir(folder):
        if entry.name.startswith("."):
            continue
        if entry.is_file():
            yield Path(entry.path)
        elif entry.is_dir():
            below = entry.stat()
            if (below.st_dev, below.st_ino) not in seen:
                yield from _files(Path(entry.path), seen)


def _wanted(name: str, all_files: bool) -> bool:
    if name.lower() in SYSTEM_FILES:
        return False
    return all_files or Path(name).suffix.lower() in IMAGE_EXTENSIONS


def _check(photograph: Photograph) -> None:
    shown = os.fsencode(photograph.name).decode("utf-8", "backslashreplace")
    try:
        length = len(photograph.name.encode())
    except UnicodeEncodeError:
        raise OperateError(f"{shown}: the name is not valid UTF-8: rename the file") from None
    if length > MOST_KEY_BYTES - 200:  # room for --prefix
        raise OperateError(
            f"{shown}: the name has {length} bytes, S3 takes 1,024 with the prefix: shorten it"
        )
    if photograph.size > MOST_PUT_BYTES:
        raise OperateError(f"{shown}: {photograph.size:,} bytes, more than the 5 GiB that S3 takes at once")
