"""Places as URIs: absolute local paths and `s3://BUCKET/KEY`, told apart, joined and compared."""

import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from spark_job.contract.errors import MisuseError
from spark_job.contract.foreign_texts import valid_text

# Names the `s3://bucket`s that are read without an account, for this process and those that it starts.
UNSIGNED_BUCKETS = "FRUIT_UNSIGNED_BUCKETS"


def is_s3(uri: str) -> bool:
    """Return whether the URI or path lies in S3."""
    return uri.startswith("s3://")


def normalise(uri: str) -> str:
    """Return an absolute path, or `s3://bucket/prefix`; MisuseError: another scheme, or a wrong name."""
    if (shown := valid_text(uri)) != uri:
        raise MisuseError(f"{shown}: the name is not valid UTF-8: rename the folder")
    scheme = urlsplit(uri).scheme if "://" in uri else ""
    if scheme in ("s3", "s3a"):
        bucket, _, prefix = uri.split("://", 1)[1].partition("/")
        if not bucket:
            raise MisuseError(f"{uri!r} names no bucket; write s3://BUCKET/PREFIX")
        return f"s3://{bucket}/{prefix.strip('/')}".rstrip("/")
    if scheme == "file":
        uri = unquote(uri.split("://", 1)[1])
    elif scheme:
        raise MisuseError(f"{uri!r}: only local folders, file:// and s3:// are read and written")
    if not uri:
        raise MisuseError("an empty path names no folder")
    return os.path.abspath(Path(uri).expanduser())  # noqa: PTH100 - keeps symbolic links as they are named


def real_place(uri: str) -> str:
    """Return where a normalised URI leads, with symbolic links followed."""
    return uri if is_s3(uri) else os.path.realpath(uri)


def root_and_key(uri: str) -> tuple[str, str]:
    """Return the root of the store and the key below it: `s3://bucket`, `a/b.jpg`, or `/`, `me/b.jpg`."""
    if is_s3(uri):
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return f"s3://{bucket}", key
    return "/", uri.lstrip("/")


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Return bucket and key of `s3://BUCKET/KEY`, without a last `/`; MisuseError: no such URI."""
    root, key = root_and_key(uri)
    bucket = root.removeprefix("s3://")
    if not is_s3(uri) or not bucket:
        raise MisuseError(f"{uri!r} is no s3://BUCKET/PREFIX")
    return bucket, key.rstrip("/")


def last_name(uri: str) -> str:
    """Return the name of a file or folder: what stands behind the last `/`, but for one at the end."""
    return uri.rstrip("/").rpartition("/")[2]


def read_unsigned(uris: Iterable[str]) -> None:
    """Read the buckets of these URIs without an account from now on."""
    os.environ[UNSIGNED_BUCKETS] = " ".join(root_and_key(uri)[0] for uri in uris if is_s3(uri))


def is_unsigned(root: str) -> bool:
    """Return whether `s3://bucket` is read without an account."""
    return root in os.environ.get(UNSIGNED_BUCKETS, "").split()


def child(uri: str, *names: str) -> str:
    """Return the URI of something below `uri`."""
    return "/".join([uri.rstrip("/"), *names])


def contains(outer: str, inner: str) -> bool:
    """Return whether `inner` is `outer` or lies below it; both normalised."""
    return (inner + "/").startswith(outer.rstrip("/") + "/")
