"""Folders on a disk and in S3 by the same code: stores, small files, what S3's refusals mean.

S3 takes endpoint, region and credentials as other AWS tools do; on a cluster's node from the instance's role.
"""

import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, UnauthenticatedError
from obstore.store import LocalStore, S3Store

from spark_job.contract.uris import child, is_s3, is_unsigned, last_name, root_and_key
from spark_job.errors import LargerError, StorageError

Item = TypeVar("Item")
Result = TypeVar("Result")
# Codes that concern one object, not the whole run:
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
OF_ONE_OBJECT = {
    "InvalidObjectState": "the object is archived: restore it in S3, then run again",
    "AccessDenied": (
        "access is denied: let the bucket's policy, and the key that encrypts the object, allow reading, "
        "then run again"
    ),
    "InvalidRequest": (
        "S3 refuses to give the object, as it does when it is encrypted with a customer's own key (SSE-C): "
        "store it again with another encryption"
    ),
}
_KMS = (
    "the key that encrypts the object cannot be used ({}): enable it, or let it allow decrypting, "
    "then run again"
)
# Codes that concern every object: what the person who started the run must do before it goes on.
OF_ALL = {
    "ExpiredToken": "the AWS login has expired: log in again, then go on",
    "TokenRefreshRequired": "the AWS login has expired: log in again, then go on",
    "InvalidAccessKeyId": "AWS does not know these credentials: set others",
    "InvalidToken": "AWS does not know these credentials: set others",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key: set both again",
    "RequestTimeTooSkewed": "the clock of this machine is wrong: set it",
    "NoSuchBucket": "there is no such bucket: check its name",
    "AccessDenied": "access is denied: let the bucket's policy and your role allow it",
}
# What obstore and S3 say where a bucket lies in another region.
_ELSEWHERE = ("PermanentRedirect", "AuthorizationHeaderMalformed", "redirect without LOCATION")
_REGION_SECONDS = 5.0  # for an answer to the question in which region a bucket lies
# What passes by itself: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
_PASSES = ("SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted")
READS_AT_ONCE = 32  # reads that wait for a store at once: 200 manifests at 25 ms each take 0.2 s
# A slow line is no error, one that is silent is: a transfer may take long, but not so long between two bytes.
TRANSFER, SILENCE = "1day", "30s"
ASKED_AGAIN = timedelta(minutes=5)  # boto3 renews credentials ten minutes or more before they expire


def s3_endpoint() -> str:
    """Return the address of another S3 than AWS's own; empty: AWS's."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")


def error_code(error: BaseException) -> str | None:
    """Return S3's code for an error of obstore, as `AccessDenied`; None: S3 gave none."""
    found = re.search(r"<Code>([\w.]+)</Code>", str(error))
    return found[1] if found else None


def reason_of_one(error: BaseException) -> str | None:
    """Return why S3 does not give one object; None: the error does not concern that object alone."""
    code = error_code(error)
    if code and code.startswith("KMS."):
        return _KMS.format(code)
    return OF_ONE_OBJECT.get(code or "")


def reason_of_all(error: BaseException, uri: str) -> str | None:
    """Return what ends the run and how it can go on; None: nothing that a person could mend, or no S3."""
    if not is_s3(uri):
        return None
    if any(words in str(error) for words in _ELSEWHERE):
        region = region_of(root_and_key(uri)[0].removeprefix("s3://"))
        return f"the bucket lies in another region: set AWS_REGION={region or 'to that of the bucket'}"
    code = error_code(error)
    if isinstance(error, UnauthenticatedError) and not code:  # what boto3 says when it renews credentials
        told = str(error).splitlines()[0].rpartition("credential provider: ")[2]
        return f"the AWS login has expired or cannot be renewed: log in again, then go on ({told})"
    return f"{OF_ALL[code]} ({code})" if code in OF_ALL else None


def passes_by_itself(error: BaseException) -> bool:
    """Return whether S3 was busy or the line broken: nothing that a person must mend."""
    code = error_code(error)
    return code in _PASSES if code else not isinstance(error, UnauthenticatedError)


def region_of(bucket: str) -> str | None:
    """Ask S3 in which region a bucket lies, which it says without credentials; None: no answer."""
    endpoint = s3_endpoint()
    place = urlsplit(endpoint or f"https://{bucket}.s3.amazonaws.com")
    connect = HTTPConnection if place.scheme == "http" else HTTPSConnection
    try:
        with closing(connect(place.netloc, timeout=_REGION_SECONDS)) as connection:
            connection.request("HEAD", f"/{bucket}" if endpoint else "/")
            return connection.getresponse().getheader("x-amz-bucket-region")
    except OSError:
        return None


@lru_cache(maxsize=32)
def open_store(root: str, retries: int = 10) -> Any:
    """Return the store of `s3://bucket` or `/`, one a process; StorageError: no credentials for S3.

    A request to a busy or broken S3 is tried again, `retries` times, for three minutes in all at most.
    """
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
    """Return what finds and renews credentials as boto3 does; None: obstore does. Raises StorageError."""
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
    """Return a file or object, whole. LargerError: more than `most` bytes; else what the store raises."""
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
                for name in names:  # obstore refuses names of files that it has not finished
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
