"""The photographs of a folder: which files are taken, under which names, and what is in them."""

import base64
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from operate.errors import OperateError
from spark_job.contract.erasure import ERASED, Tombstones
from spark_job.contract.errors import MisuseError
from spark_job.contract.foreign_texts import valid_text
from spark_job.contract.image_names import skip_reason

# S3's limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MOST_KEY_BYTES = 1024
# 10,000 parts of 5 MiB or more: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
PART_BYTES = 8 * 2**20
MOST_BYTES = 10_000 * PART_BYTES
# Larger ones go in parts: what an upload that stops has sent of them is not sent again.
MOST_AT_ONCE_BYTES = 2 * PART_BYTES


Inode = tuple[int, int]  # device and number of a file or folder


@dataclass(frozen=True)
class Photograph:
    """One file to upload; `name` is relative to its folder, with `/` between the parts."""

    path: Path
    name: str
    size: int


@dataclass(frozen=True)
class Collection:
    """The photographs of a folder by name, and a line for each file or folder that cannot be taken."""

    photographs: list[Photograph]
    problems: list[str]


def require_photographs(folder: Path, *, all_files: bool, links_outside: bool = False) -> Collection:
    """Return every photograph below the folder, without hidden files and those of the system.

    Symbolic links are followed, but not back to a folder above, and out of the folder with `links_outside`
    alone. Raises MisuseError: there is neither a photograph nor a problem.
    """
    inside = None if links_outside else folder.resolve()
    found = list(_below(folder, folder, inside, all_files))
    if not found:
        raise MisuseError(f"{folder} has no photographs: give another folder, or --all-files")
    photographs = [one for one in found if isinstance(one, Photograph)]
    problems = [one for one in found if isinstance(one, str)]
    return Collection(sorted(photographs, key=lambda one: one.name), sorted(problems))


def without_erased(found: Collection, erased: Tombstones) -> Collection:
    """Leave out the photographs that were forgotten, whatever they are called now; each gets a line."""
    if not erased.contents:
        return found

    def is_erased(one: Photograph) -> bool:
        with one.path.open("rb") as file:
            return erased.has_digest(hashlib.file_digest(file, "sha256").digest())

    passed_over = [one for one in found.photographs if is_erased(one)]
    problems = [*found.problems, *(f"{one.name}: {ERASED}" for one in passed_over)]
    return Collection([one for one in found.photographs if one not in passed_over], problems)


@dataclass(frozen=True)
class Digests:
    """What S3 knows a content by; of a file in parts these are the digests of its parts' digests."""

    md5: bytes
    sha256: bytes
    parts: int = 0

    @property
    def etag(self) -> str:
        """The MD5, as S3 writes it."""
        return self.md5.hex() + (f"-{self.parts}" if self.parts else "")

    @property
    def checksum(self) -> str:
        """The SHA-256, as S3 writes it."""
        return base64.b64encode(self.sha256).decode() + (f"-{self.parts}" if self.parts else "")


def digests_of(content: bytes) -> Digests:
    """Return the digests of a file, or of a part, that goes in one request."""
    return Digests(hashlib.md5(content, usedforsecurity=False).digest(), hashlib.sha256(content).digest())


def parts_of(path: Path) -> Iterator[bytes]:
    """Yield a file's content in the parts in which it goes to S3."""
    with path.open("rb") as file:
        while block := file.read(PART_BYTES):
            yield block


def digests(photograph: Photograph) -> Digests:
    """Return what S3 knows the content by once it is uploaded."""
    if photograph.size <= MOST_AT_ONCE_BYTES:
        return digests_of(photograph.path.read_bytes())
    parts = [digests_of(block) for block in parts_of(photograph.path)]
    md5 = digests_of(b"".join(part.md5 for part in parts)).md5
    sha256 = digests_of(b"".join(part.sha256 for part in parts)).sha256
    return Digests(md5, sha256, len(parts))


def _below(
    folder: Path, root: Path, inside: Path | None, all_files: bool, above: frozenset[Inode] = frozenset()
) -> Iterator[Photograph | str]:
    """Yield the photographs below a folder of `root`, and a line for what cannot be taken.

    Links must lead below `inside`, if it is given, and not to a folder `above`, which leads to this one.
    """
    try:
        status, entries = folder.stat(), list(os.scandir(folder))
    except OSError as error:
        yield f"{_shown(folder, root)}: the folder cannot be read: {error.strerror}"
        return
    seen = above | {(status.st_dev, status.st_ino)}
    for entry in entries:
        path = Path(entry.path)
        name = path.relative_to(root).as_posix()
        if skip_reason(name, all_files=True):
            continue
        try:
            there = entry.stat()
            _check_entry(entry, there, inside, seen)
            if stat.S_ISDIR(there.st_mode):
                yield from _below(path, root, inside, all_files, seen)
            elif skip_reason(name, all_files) is None:
                yield _readable(Photograph(path, name, there.st_size))
        except OSError as error:
            what = "the link leads nowhere" if entry.is_symlink() else "it cannot be read"
            yield f"{_shown(path, root)}: {what}: {error.strerror}"
        except OperateError as error:
            yield f"{_shown(path, root)}: {error}"


def _check_entry(
    entry: os.DirEntry[str], there: os.stat_result, inside: Path | None, above: frozenset[Inode]
) -> None:
    """Check that an entry is a file or a folder that may be entered. Raises OperateError."""
    if inside and entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(inside):
        raise OperateError("the link leads out of the folder: give --links-outside to follow it")
    if (there.st_dev, there.st_ino) in above:
        raise OperateError("the link leads back to a folder above it")
    if not (stat.S_ISDIR(there.st_mode) or stat.S_ISREG(there.st_mode)):
        raise OperateError("neither a file nor a folder")


def _shown(path: Path, root: Path) -> str:
    """Return a name that a terminal can show, whatever bytes it has."""
    name = valid_text(path.relative_to(root))
    return name if name.isprintable() else name.encode("unicode_escape").decode()


def _readable(photograph: Photograph) -> Photograph:
    """Return the photograph if S3 takes it and the job can read it back. Raises OperateError, OSError."""
    try:
        length = len(photograph.name.encode())
    except UnicodeEncodeError:
        raise OperateError("the name is not valid UTF-8: rename the file") from None
    if not photograph.name.isprintable():
        raise OperateError("the name holds a control character: rename the file")
    if length > MOST_KEY_BYTES - 200:  # room for --prefix
        raise OperateError(f"the name has {length} bytes, S3 takes 1,024 with the prefix: shorten it")
    if photograph.size > MOST_BYTES:
        raise OperateError(f"{photograph.size:,} bytes, more than the {MOST_BYTES:,} that an upload takes")
    photograph.path.open("rb").close()
    return photograph
