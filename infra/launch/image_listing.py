"""What lies in the image sources: how much, and a fingerprint that changes with any file."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from infra.contract.aws_clients import S3Client
from spark_job.contract.image_names import is_table, skip_reason
from spark_job.contract.uris import bucket_and_key

FOLDERS_AT_ONCE = 16
# Fruits-360 lies as SOURCE/Training/CLASS/: two levels down there are enough folders to list side by side.
LEVELS = 2


@dataclass(frozen=True)
class Listing:
    """The files of the sources."""

    files: int
    size: int  # of all files, in bytes
    fingerprint: str  # of all keys, sizes and ETags
    newest: datetime | None  # when the latest image was written, by the names of images; None: there is none


def list_images(
    s3: S3Client, uris: Sequence[str], say: Callable[[str], None], labels: str | None = None
) -> Listing:
    """List the sources, and a table of labels like an image; the same files give the same fingerprint."""
    folders = [folder for uri in uris for folder in _folders(s3, *bucket_and_key(uri))]
    if labels and is_table(labels):
        folders.append((*bucket_and_key(labels), ""))
    listings: list[Listing] = []
    with ThreadPoolExecutor(FOLDERS_AT_ONCE) as pool:
        for done, listing in enumerate(pool.map(lambda folder: _list(s3, *folder), folders), 1):
            listings.append(listing)
            if done % 100 == 0:
                files = sum(listing.files for listing in listings)
                say(f"listing: {files:,} files in {done} of {len(folders)} folders")
    digests = "".join(sorted(listing.fingerprint for listing in listings))
    return Listing(
        sum(listing.files for listing in listings),
        sum(listing.size for listing in listings),
        hashlib.sha256(digests.encode()).hexdigest(),
        max((listing.newest for listing in listings if listing.newest), default=None),
    )


Folder = tuple[str, str, str]  # bucket, prefix, delimiter: "/" takes the files of this level alone


def _folders(s3: S3Client, bucket: str, prefix: str) -> list[Folder]:
    """Return what to list side by side: the files of the upper levels, and all that is below them."""
    level, folders = [f"{prefix}/" if prefix else ""], []
    list_level = partial(s3.get_paginator("list_objects_v2").paginate, Bucket=bucket, Delimiter="/")
    for _ in range(LEVELS):
        folders += [(bucket, above, "/") for above in level]
        pages = [page for above in level for page in list_level(Prefix=above)]
        level = [common["Prefix"] for page in pages for common in page.get("CommonPrefixes", ())]
    return folders + [(bucket, above, "") for above in level]


def _list(s3: S3Client, bucket: str, prefix: str, delimiter: str) -> Listing:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter=delimiter)
    files = size = 0
    newest: datetime | None = None
    digest = hashlib.sha256()
    for page in pages:
        for entry in page.get("Contents", ()):
            if entry["Key"].endswith("/"):  # consoles make such for an empty folder
                continue
            files, size = files + 1, size + entry["Size"]
            is_labels = entry["Key"] == prefix  # a prefix of images ends in `/`
            if is_labels or skip_reason(entry["Key"], all_files=False) is None:
                newest = max(newest or entry["LastModified"], entry["LastModified"])
            digest.update(f"{bucket}\0{entry['Key']}\0{entry['Size']}\0{entry['ETag']}\n".encode())
    return Listing(files, size, digest.hexdigest(), newest)
