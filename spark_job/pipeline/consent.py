"""Whether who gave an image agreed to its use: the table of labels or the object's metadata says it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from spark_job.contract.erasure import CONSENT
from spark_job.contract.uris import is_s3
from spark_job.images.labels import Labels
from spark_job.images.listing import PAGE_SIZE, ListedFile, in_pages
from spark_job.storage import read_metadata

NO_CONSENT = "no consent"
ASKED_AT_ONCE = 32
# What people write where there is none.
NONE = frozenset(("", "-", "0", "false", "n", "no", "none"))


def with_consent(files: Iterable[ListedFile], labels: Labels) -> Iterator[ListedFile]:
    """Yield the files in their order; a candidate without a consent is skipped.

    S3 is asked for the metadata of each candidate whose row says nothing: a request each, 32 at once.

    Raises:
        StorageError: S3 does not say it.
    """
    place = labels.columns.index(CONSENT) if CONSENT in labels.columns else None

    def judged(file: ListedFile) -> ListedFile:
        if file.skipped or file.error:
            return file
        said = file.labels[place] if file.labels and place is not None else None
        if said is None and is_s3(file.path):
            said = read_metadata(file.path).get(CONSENT)
        return replace(file, skipped=NO_CONSENT) if (said or "").strip().casefold() in NONE else file

    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        for page in in_pages(iter(files), PAGE_SIZE):
            yield from pool.map(judged, page)
