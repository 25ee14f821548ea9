"""Folders on a disk and in S3 by the same code: URIs, stores, small files.

S3 takes endpoint, region and credentials from where other AWS tools take them: environment variables,
profiles, single sign-on, roles. On a cluster's node it uses variables or the instance's role.
"""

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from spark_job.contract.uris import child, is_s3, is_unsigned, last_name, root_and_key
from spark_job.errors import LargerError, StorageError
from spark_job.s3_errors import reason_of_all, s3_endpoint

Item = TypeVar("Item")
Result = TypeVar("Result")
# Reads that wait for a store at once: 200 manifests at 25 ms each take 0.2 s.
READS_AT_ONCE = 32
# A slow line is no error, one that is silent is: a transfer may take long, but not so long between two bytes.
TRANSFER, SILENCE = "1day", "30s"
# boto3 renews credentials ten minutes or more before they expire.
ASKED_AGAIN = timedelta(minutes=5)


@lru_cache(maxsize=32)
def open_store(root: str, retries: int = 10) -> Any:
    """Return the store of `s3://bucket` or `/`, one a process; StorageError: no credentials for S3."""
    if not is_s3(root):
        return LocalStore(root)
    endpoint = s3_endpoint()
    options: dict[str, Any] = {
        "client_options": {
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": "10s",
            "read_timeout": SILENCE,
            "timeout": TRANSFER,
        },
        "retry_config": {"max_retries": retries},
    }
    if endpoint:
        options["endpoint"] = endpoint
    if is_unsigned(root):
        options["skip_signature"] = True
    elif provider := _credentials():
        options["credential_provider"] = provider
    return S3Store(root.removeprefix("s3://"), **options)


@lru_cache(maxsize=1)
def _credentials() -> Any:
    """Return what finds and renews credentials as boto3 does; None: obstore finds them by itself."""
    # In YARN's containers obstore asks for the role itself: boto3 takes long to import in each worker.
    by_obstore = ("AWS_ACCESS_KEY_ID", "CONTAINER_ID", "AWS_SKIP_SIGNATURE")
    if any(name in os.environ for name in by_obstore):
        return None
    from botocore.exceptions import BotoCoreError
    from obstore.auth.boto3 import Boto3CredentialProvider

    try:
        provider = Boto3CredentialProvider(ttl=ASKED_AGAIN)
        provider()
    except ValueError:
        raise StorageError(
            "there are no AWS credentials: neither AWS_PROFILE nor AWS_ACCESS_KEY_ID is set, and there is no "
            "default profile and no role of a container or an instance; log in, or set AWS_PROFILE; images "
            "in a public bucket need none with --unsigned"
        ) from None
    except BotoCoreError as error:
        raise StorageError(f"the AWS credentials cannot be used: {error}") from error
    return provider


def read_bytes(uri: str, most: int | None = None, retries: int = 10) -> bytes:
    """Return one object or file, whole; LargerError: it holds more than `most` bytes."""
    if not is_s3(uri):
        # obstore refuses local names that hold a tab or end in #1, and hides the cause of a failure.
        with Path(uri).open("rb") as file:
            content = file.read(-1 if most is None else most + 1)
        size = len(content)
    else:
        root, key = root_and_key(uri)
        answer = obstore.get(open_store(root, retries), key)
        size = answer.meta["size"]  # stands before the content, which comes when it is asked for
        content = b"" if most is not None and size > most else bytes(answer.bytes())
    if most is not None and size > most:
        raise LargerError(f"{uri} has more than {most:,} bytes")
    return content


def read_metadata(uri: str) -> dict[str, str]:
    """Return what an upload wrote beside an object in S3, by one HEAD request; StorageError: no answer."""
    root, key = root_and_key(uri)
    with _named("read", uri), suppress(FileNotFoundError):
        return dict(obstore.get(open_store(root), key, options={"head": True}).attributes)
    return {}


@contextmanager
def _named(verb: str, uri: str, advice: str = "") -> Generator[None, None, None]:
    """Turn an error of the store in this block into one that says what failed, and what to do."""
    try:
        yield
    except (BaseError, OSError) as error:
        known = reason_of_all(error, uri)
        if isinstance(error, NotADirectoryError):
            known = "there is a file where a folder is needed: name a folder"
        raise StorageError(f"cannot {verb} {uri}: {known or first_line(error) + advice}") from error


@dataclass(frozen=True)
class Folder:
    """A folder: a run, one of its tables, an extractor. What the store refuses becomes a StorageError."""

    uri: str

    def child(self, *names: str) -> str:
        return child(self.uri, *names)

    def at(self, name: str) -> "Folder":
        return Folder(self.child(name))

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None when there is none."""
        with _named("read", self.child(name)), suppress(FileNotFoundError):
            return read_bytes(self.child(name))
        return None

    def lines(self, name: str) -> Iterator[str]:
        """Yield the lines of a text file of any size; none when there is no file."""
        root, key = root_and_key(self.child(name))
        with _named("read", self.child(name)), suppress(FileNotFoundError):
            file = obstore.open_reader(open_store(root), key)
            while line := bytes(file.readline()).decode():
                yield line

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all."""
        root, key = root_and_key(self.child(name))
        advice = "; check that the folder or bucket exists, is writable and has space"
        with _named("write", self.child(name), advice):
            obstore.put(open_store(root), key, content)

    def is_empty(self) -> bool:
        if not is_s3(self.uri):
            return not Path(self.uri).is_dir() or next(Path(self.uri).iterdir(), None) is None
        root, key = root_and_key(self.uri)
        with _named("list", self.uri):
            return next(iter(obstore.list(open_store(root), key + "/", chunk_size=1)), None) is None

    def names(self) -> list[str]:
        """Return everything stored in or below this folder, by its path from here, in no particular order."""
        if not is_s3(self.uri):
            here = Path(self.uri)
            return [path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file()]
        root, key = root_and_key(self.uri)
        with _named("list", self.uri):
            pages = obstore.list(open_store(root), key + "/")
            return [item["path"].removeprefix(key + "/") for page in pages for item in page]

    def folder_names(self) -> list[str]:
        """Return the folders directly in this folder, in no particular order."""
        if not is_s3(self.uri):
            here = Path(self.uri)
            return [path.name for path in here.iterdir() if path.is_dir()] if here.is_dir() else []
        root, key = root_and_key(self.uri)
        with _named("list", self.uri):
            below = obstore.list_with_delimiter(open_store(root), f"{key}/" if key else None)
            return [last_name(prefix) for prefix in below["common_prefixes"]]

    def clear(self, keep: Callable[[str], bool] = lambda _name: False) -> None:
        """Remove everything stored in this folder or below it, but for the names that are to be kept."""
        root, _ = root_and_key(self.uri)
        with _named("empty", self.uri):
            names = [name for name in self.names() if not keep(name)]
            if not is_s3(self.uri):
                # obstore refuses the names that it gives to files which it has not finished
                for name in names:
                    Path(self.uri, name).unlink()
            elif names:
                obstore.delete(open_store(root), [root_and_key(self.child(name))[1] for name in names])

    def open_writer(self, name: str) -> Any:
        """Return a context manager whose `write(bytes)` streams into one file of any size."""
        root, key = root_and_key(self.child(name))
        if not is_s3(root):
            Path(self.uri).mkdir(parents=True, exist_ok=True)
        return obstore.open_writer(open_store(root), key)


def side_by_side(read: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield what is read of each item, in order; so many reads wait for a store at once."""
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        yield from pool.map(read, items)


def first_line(error: BaseException) -> str:
    """Return an error's first line; obstore appends its internals below it."""
    return (str(error).splitlines() or [type(error).__name__])[0]
