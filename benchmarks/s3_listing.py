"""The answer to ListObjectsV2: pages of keys, with prefix and delimiter."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.sax.saxutils import escape

PAGE_SIZE = 1000  # the most that S3 answers at once
MODIFIED = "2026-01-01T00:00:00.000Z"
AFTER_ALL_WITH_PREFIX = "\U0010ffff"


def list_objects(folder: Path, keys: list[str], query: Mapping[str, str]) -> bytes:
    """One page of a listing.

    Args:
        folder: where the objects lie.
        keys: all of them, sorted.
        query: the request's parameters; `continuation-token` is the last entry of the page before.
    """
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after = query.get("continuation-token", query.get("start-after", ""))
    size = min(int(query.get("max-keys", PAGE_SIZE)), PAGE_SIZE)
    page: list[str] = []
    more = False
    for entry in _entries(keys, prefix, delimiter, after):
        if more := len(page) == size:
            break
        page.append(entry)
    return _document(folder, page, delimiter, more)


def _entries(keys: list[str], prefix: str, delimiter: str, after: str) -> Iterator[str]:
    """Keys, and common prefixes in place of the keys below them."""
    if delimiter and after.endswith(delimiter):
        after += AFTER_ALL_WITH_PREFIX
    position = bisect_left(keys, max(prefix, after))
    while position < len(keys) and keys[position].startswith(prefix):
        key = keys[position]
        head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        if found:
            common = prefix + head + delimiter
            yield common
            position = bisect_left(keys, common + AFTER_ALL_WITH_PREFIX)
        else:
            if key > after:
                yield key
            position += 1


def _document(folder: Path, page: list[str], delimiter: str, more: bool) -> bytes:
    token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
    entries = "".join(_entry(folder, entry, delimiter) for entry in page)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<IsTruncated>{str(more).lower()}</IsTruncated><KeyCount>{len(page)}</KeyCount>{token}{entries}"
        "</ListBucketResult>"
    ).encode()


def _entry(folder: Path, entry: str, delimiter: str) -> str:
    if delimiter and entry.endswith(delimiter):
        return f"<CommonPrefixes><Prefix>{escape(entry)}</Prefix></CommonPrefixes>"
    size = (folder / entry).stat().st_size
    return (
        f"<Contents><Key>{escape(entry)}</Key><LastModified>{MODIFIED}</LastModified>"
        f'<ETag>"benchmark"</ETag><Size>{size}</Size></Contents>'
    )
