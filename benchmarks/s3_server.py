"""A folder as an S3 bucket on the loopback interface that answers each GET of an object after 25 ms.

It speaks what reading needs (GET, HEAD, ListObjectsV2) straight over asyncio: on a machine of a few cores
a web framework would take from the job what a real S3 does not.
"""

import asyncio
import sys
from bisect import bisect_right
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "photographs"
DELAY_SECONDS = 0.025
HEADERS_END = b"\r\n\r\n"
PAGE_SIZE = 1000  # the most that S3 lists at once
MODIFIED = "2026-01-01T00:00:00.000Z"


class S3Connection(asyncio.Protocol):
    """One client connection; requests without a body, one after the other."""

    def __init__(self, folder: Path, keys: list[str]) -> None:
        self._folder, self._keys = folder, keys
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that has arrived whole."""
        self._buffer += data
        while HEADERS_END in self._buffer:
            head, self._buffer = self._buffer.split(HEADERS_END, 1)
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        url = urlsplit(target)
        bucket, _, key = unquote(url.path).lstrip("/").partition("/")
        if method not in ("GET", "HEAD") or bucket != BUCKET:
            self._send(response(404, b""))
        elif not key:
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            self._send(response(200, list_objects(self._folder, self._keys, query), "application/xml"))
        elif method == "HEAD":
            self._send(object_response(self._folder, key, with_body=False))
        else:
            asyncio.get_running_loop().call_later(
                DELAY_SECONDS, lambda: self._send(object_response(self._folder, key, with_body=True))
            )

    def _send(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)


def object_response(folder: Path, key: str, *, with_body: bool) -> bytes:
    """Return the answer to GET or HEAD of an object."""
    path = (folder / key).resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        return response(404, b"")
    return response(200, path.read_bytes(), "image/jpeg", with_body=with_body)


def response(status: int, body: bytes, content_type: str = "text/plain", *, with_body: bool = True) -> bytes:
    """Return an HTTP/1.1 answer on a connection that stays open."""
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        'ETag: "benchmark"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n'
    )
    return head.encode() + (body if with_body else b"")


def list_objects(folder: Path, keys: list[str], query: Mapping[str, str]) -> bytes:
    """Return one page of ListObjectsV2; `continuation-token` is the last entry of the page before."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after = query.get("continuation-token", query.get("start-after", ""))
    size = min(int(query.get("max-keys", PAGE_SIZE)), PAGE_SIZE)
    entries = [key for key in keys if key.startswith(prefix)]
    if delimiter:  # the part up to it stands for all keys that begin so
        parts = (key[len(prefix) :].partition(delimiter) for key in entries)
        entries = sorted({prefix + name + end for name, end, _ in parts})
    rest = entries[bisect_right(entries, after) :]
    page, more = rest[:size], len(rest) > size
    token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
    listed = "".join(_entry(folder, entry, delimiter) for entry in page)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<IsTruncated>{str(more).lower()}</IsTruncated><KeyCount>{len(page)}</KeyCount>{token}{listed}"
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


async def serve(folder: Path) -> None:
    """Print the port, then answer until the standard input closes."""
    keys = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*"))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: S3Connection(folder, keys), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]).resolve()))
