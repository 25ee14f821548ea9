"""What is in the sources: every file, with what its name says, as a table written in bounded pages."""

import os
import stat
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, fields
from itertools import islice
from math import ceil
from queue import Queue
from threading import Thread
from typing import Any, TypeVar

import numpy as np
import obstore
import pyarrow as pa
import pyarrow.compute as pc
from obstore.exceptions import BaseError, InvalidPathError

from spark_job.arrow_tables import array, column_names, numbers, part_uris, read_part, whole, write_part
from spark_job.contract.errors import MisuseError
from spark_job.contract.foreign_texts import valid_text
from spark_job.contract.image_names import ALWAYS_SKIPPED, LABEL_TABLE, extension_of, skip_reason
from spark_job.contract.uris import child, is_s3, is_unsigned, last_name, root_and_key
from spark_job.errors import ListingError
from spark_job.images.labels import Labels, Values
from spark_job.storage import Folder, first_line, open_store, reason_of_all

PREFIXES_AT_ONCE = 16
REFUSED_KEY = (
    "the key has an empty name, `.` or `..` between slashes, or a control character, which this job cannot "
    "read: rename the object"
)
PAGE_SIZE = 1000  # the most that S3 answers at once
KEYS_TO_A_FOLDER = 50  # with fewer, a listing of its own for each folder takes longer than one of all
ROWS_PER_PART = 50_000
ROWS_AT_ONCE = 5_000  # as objects of Python, each ten times its row
ENTRIES_AT_ONCE = 10_000  # of one folder, which may hold a million files
IMAGE_COLUMNS = ("path", "label", "split", "size")  # of every table with a row for each image


Item = TypeVar("Item")
REPEATED = ("label", "split", "skipped", "error", "labels.list.element")
_KINDS: dict[str, Any] = {"size": pa.int64(), "labels": pa.list_(pa.string())}


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file of a source."""

    path: str
    label: str = ""
    split: str = ""
    size: int = 0
    etag: str = ""
    skipped: str | None = None  # why it is no candidate
    error: str | None = None  # why it cannot be used
    labels: Values | None = None  # other columns of a table of labels; None: no row, or no table

    @property
    def short_name(self) -> str:
        """The last folder and the file, for people."""
        return "/".join(self.path.split("/")[-2:])


def list_files(source: str, all_files: bool, labels: Labels | None = None) -> Iterator[ListedFile]:
    """Yield every file below a source; MisuseError: it is no folder; ListingError: it cannot be listed."""
    if not is_s3(source) and not os.path.isdir(source):  # noqa: PTH112 - it may hold bytes that are no text
        raise MisuseError(f"{source} is not a folder; --images takes a folder or s3://BUCKET/PREFIX")
    found = _list_s3(source) if is_s3(source) else _walk(source, "", ())
    labels = labels or Labels()
    for relative_path, size, etag, error in found:
        label, split, more = labels.of_image(source, relative_path)
        path = child(source, relative_path)
        skipped = LABEL_TABLE if path == labels.rule else skip_reason(relative_path, all_files)
        if error and skipped not in ALWAYS_SKIPPED:
            skipped = None  # a folder that cannot be read has no extension and is no file to skip
        if error is None and valid_text(path) != path:
            error = "the name is not valid UTF-8: rename the file"
        if error:
            path, label = valid_text(path), valid_text(label)
        yield ListedFile(path, label, split, size, etag, skipped, None if skipped else error, more)


Found = tuple[str, int, str, str | None]  # relative path, size in bytes, etag, error


def _walk(folder: str, relative: str, ancestors: tuple[tuple[int, int], ...]) -> Iterator[Found]:
    """Yield files depth first; follow symbolic links, but never into a folder that is being walked."""
    try:
        own = os.stat(folder)  # noqa: PTH116
        with os.scandir(folder) as scan:
            while entries := sorted(islice(scan, ENTRIES_AT_ONCE), key=lambda entry: entry.name):
                yield from _below(entries, relative, (*ancestors, (own.st_dev, own.st_ino)))
    except OSError as error:
        yield relative.rstrip("/"), 0, "", f"the folder cannot be read: {error.strerror}"


def _below(entries: list[os.DirEntry[str]], above: str, seen: tuple[tuple[int, int], ...]) -> Iterator[Found]:
    for entry in entries:
        name = above + entry.name
        try:
            status = entry.stat()
        except OSError as error:
            yield name, 0, "", f"the link leads nowhere: {error.strerror}"
            continue
        if stat.S_ISDIR(status.st_mode):
            if (status.st_dev, status.st_ino) in seen:
                yield name, 0, "", "the link leads back to a folder above it"
            else:
                yield from _walk(entry.path, name + "/", seen)
        elif stat.S_ISREG(status.st_mode):
            yield name, status.st_size, f"{status.st_mtime_ns:x}-{status.st_size:x}", None
        else:
            yield name, 0, "", "neither a file nor a folder"


def _list_s3(source: str) -> Iterator[Found]:
    """List the prefixes below the source side by side; S3 answers one listing at ~10,000 keys a second."""
    root, prefix = root_and_key(source)
    prefix = f"{prefix}/" if prefix else ""
    store = open_store(root)
    try:
        prefixes, objects = _prefixes(store, prefix)
        yield from (_found(item, prefix) for item in objects)
        yield from (_found(item, prefix) for item in _side_by_side(store, prefixes))
    except (BaseError, OSError) as error:
        advice = "check the bucket's name, AWS_REGION and the credentials"
        known = reason_of_all(error, root)
        raise ListingError(f"cannot list {source}: {known or f'{first_line(error)}; {advice}'}") from error


def _prefixes(store: Any, prefix: str) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """Return some prefixes to list side by side, at most two levels down, and the files passed on the way."""
    undivided, divisible, tables = list[str](), [prefix], list[pa.Table]()
    for _ in range(2):
        if len(undivided) + len(divisible) >= PREFIXES_AT_ONCE:
            break
        answers = []
        for below in divisible:
            with suppress(InvalidPathError):  # `_pages` knows what to do with such a key
                # By its first page, in which a file counts as a folder: a prefix with a million files or
                # small folders directly below it is never held as a whole.
                page: list[Any] = next(iter(obstore.list(store, below or None, chunk_size=PAGE_SIZE)), [])
                folders = {item["path"].removeprefix(below).partition("/")[0] for item in page}
                if len(page) == PAGE_SIZE and len(folders) * KEYS_TO_A_FOLDER <= PAGE_SIZE:
                    answers.append(obstore.list_with_delimiter(store, below or None, return_arrow=True))
                    continue
            undivided.append(below)
        tables += [pa.table(answer["objects"]) for answer in answers]
        divisible = [f"{below}/" for answer in answers for below in answer["common_prefixes"]]
    batches = (batch for table in tables for batch in table.to_batches(PAGE_SIZE))
    return undivided + divisible, (item for batch in batches for item in batch.to_pylist())


def _side_by_side(store: Any, prefixes: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the items below many prefixes, listed in pages; at most a few pages wait in memory."""
    queue: Queue[list[dict[str, Any]] | BaseException | None] = Queue(maxsize=PREFIXES_AT_ONCE)

    def drain(prefix: str) -> None:
        for page in _pages(store, prefix):
            queue.put(page)

    def run() -> None:
        try:
            with ThreadPoolExecutor(PREFIXES_AT_ONCE) as pool:
                list(pool.map(drain, prefixes))
            queue.put(None)
        except BaseException as error:
            queue.put(error)

    Thread(target=run, daemon=True).start()
    while (page := queue.get()) is not None:
        if isinstance(page, BaseException):
            raise page
        yield from page


def _pages(store: Any, prefix: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the items below a prefix; where obstore refuses a page for one of its keys, boto3 goes on."""
    last = ""
    try:
        for page in obstore.list(store, prefix or None, chunk_size=PAGE_SIZE):
            yield page
            last = page[-1]["path"]
    except InvalidPathError:
        yield from _pages_of_boto3(store.config["bucket"], prefix, last)


def _pages_of_boto3(bucket: str, prefix: str, last: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the items behind the key `last` in pages, those that obstore refuses with an error."""
    import boto3  # half a second, which nearly no run needs
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(signature_version=UNSIGNED) if is_unsigned(f"s3://{bucket}") else None
    try:
        pages = boto3.client("s3", config=config).get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket, Prefix=prefix, StartAfter=last):
            yield [
                {
                    "path": entry["Key"],
                    "size": entry["Size"],
                    "e_tag": entry["ETag"],
                    "error": REFUSED_KEY if is_refused_key(entry["Key"]) else None,
                }
                for entry in page.get("Contents", ())
            ]
    except (BotoCoreError, ClientError) as error:
        raise ListingError(f"cannot list s3://{bucket}/{prefix}: {first_line(error)}") from error


def is_refused_key(key: str) -> bool:
    """Return whether obstore refuses a key: it wants names between slashes, without control characters."""
    names = key.removesuffix("/").split("/")
    return not {"", ".", ".."}.isdisjoint(names) or any(unicodedata.category(one) == "Cc" for one in key)


def _found(item: dict[str, Any], prefix: str) -> Found:
    key, size = str(item["path"]), int(item["size"])
    if size == 0 and not extension_of(last_name(key)):
        key += "/"  # a folder marker, whose slash obstore takes off
    return key.removeprefix(prefix), size, str(item["e_tag"] or "").strip('"'), item.get("error")


def in_pages(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """Yield lists of at most `size` items."""
    while page := list(islice(items, size)):
        yield page


COLUMNS = tuple(field.name for field in fields(ListedFile))
LISTING_SCHEMA = pa.schema([(name, _KINDS.get(name, pa.string())) for name in COLUMNS])


def write_listing(folder: Folder, files: Iterator[ListedFile]) -> None:
    """Write the table, a part at a time; what an earlier attempt left is replaced."""
    folder.clear()
    pages = (_rows(page) for page in in_pages(files, ROWS_AT_ONCE))
    for number, part in enumerate(in_pages(pages, ROWS_PER_PART // ROWS_AT_ONCE)):
        write_part(folder, number, part, LISTING_SCHEMA, repeated=REPEATED)


def rewrite_listing(folder: Folder, change: Callable[[ListedFile], ListedFile]) -> None:
    """Change rows of the table in place, a part at a time."""
    for number, uri in enumerate(part_uris(folder)):
        files = (change(ListedFile(**row)) for batch in read_listed(uri) for row in batch.to_pylist())
        pages = (_rows(page) for page in in_pages(files, ROWS_AT_ONCE))
        write_part(folder, number, pages, LISTING_SCHEMA, repeated=REPEATED)


def _rows(page: list[ListedFile]) -> pa.RecordBatch:
    columns = [array([getattr(file, one.name) for file in page], one.type) for one in LISTING_SCHEMA]
    return pa.RecordBatch.from_arrays(columns, schema=LISTING_SCHEMA)


def read_listing(folder: Folder) -> Iterator[ListedFile]:
    """Yield every file, with one part of the table in memory at a time."""
    for uri in part_uris(folder):
        for batch in read_listed(uri):
            yield from (ListedFile(**row) for row in batch.to_pylist())


def read_listed(uri: str) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a part; a run begun before there were tables of labels has no column for them."""
    known = column_names(uri)
    for batch in read_part(uri, (name for name in COLUMNS if name in known)):
        columns = [
            batch.column(name) if name in known else pa.nulls(batch.num_rows, _KINDS[name])
            for name in COLUMNS
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=LISTING_SCHEMA)


def listed_files(batch: pa.RecordBatch) -> list[ListedFile]:
    """Return the images of rows that have IMAGE_COLUMNS."""
    return [ListedFile(**row) for row in batch.select(IMAGE_COLUMNS).to_pylist()]


@dataclass(frozen=True)
class Share:
    """One task's images: every `of`-th of those that take part in a part of the listing."""

    number: int  # of the part of the features table that they become
    uri: str
    first: int
    of: int

    def batch(self) -> pa.RecordBatch:
        """Return the rows of its images, with the columns of LISTING_SCHEMA."""
        listed = pa.Table.from_batches(read_listed(self.uri), LISTING_SCHEMA)
        selected = listed.filter(pc.is_null(listed["skipped"]))
        mine = selected.take(numbers(np.arange(self.first, selected.num_rows, self.of)))
        return pa.RecordBatch.from_arrays([whole(column) for column in mine.columns], schema=LISTING_SCHEMA)


def shares(folder: Folder, images_per_share: int) -> list[Share]:
    """Deal out all images, about so many to a task; neighbours, which may be large, go to different ones."""
    result: list[Share] = []
    for uri in part_uris(folder):
        selected = sum(batch.column(0).null_count for batch in read_part(uri, ["skipped"]))
        count = ceil(selected / images_per_share)
        result += [Share(len(result) + first, uri, first, count) for first in range(count)]
    return result
