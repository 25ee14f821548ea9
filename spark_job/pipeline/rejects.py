"""`rejected.csv`: the images that could not be used, and why."""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import pyarrow.compute as pc

from spark_job.contract.run_layout import REJECTED
from spark_job.images.listing import ListedFile
from spark_job.parquet_parts import read_part
from spark_job.storage import Folder

REJECTED_AT_ONCE = 100_000
COLUMNS = ("path", "label", "size", "error")


def write_rejected(run: Folder, parts: Iterable[str], count: int) -> None:
    """Write `rejected.csv`, by path; above REJECTED_AT_ONCE in blocks that are.

    Args:
        run: the run's folder.
        parts: URIs of a table's parts whose rows with an `error` are the rejected ones.
        count: how many there are; with 0 the parts are not read.
    """
    with run.open_writer(REJECTED) as writer:
        writer.write(_csv_line(COLUMNS))
        if not count:
            return
        waiting: list[tuple[Any, ...]] = []
        for uri in parts:
            for batch in read_part(uri, COLUMNS):
                rows = batch.filter(pc.is_valid(batch.column("error"))).select(COLUMNS).to_pydict()
                waiting += zip(*rows.values(), strict=True)
            if len(waiting) >= REJECTED_AT_ONCE:
                writer.write(b"".join(map(_csv_line, sorted(waiting))))
                waiting.clear()
        writer.write(b"".join(map(_csv_line, sorted(waiting))))


def _csv_line(values: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue().encode()


def listed_rejects(run: Folder, limit: int) -> Iterator[ListedFile]:
    """Yield the first rejected images of `rejected.csv`, with what it says of them."""
    content = run.read(REJECTED) or b""
    for row in islice(csv.DictReader(io.StringIO(content.decode(), newline="")), limit):
        yield ListedFile(row["path"], row["label"], "", int(row["size"]), "", error=row["error"])
