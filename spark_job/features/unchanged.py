"""Which images of a listing an earlier run knows, unchanged; which are new; which are gone.

Listing and earlier table meet by path in buckets that fit into memory, in Spark tasks. The answer is two
tables: the rows of the listing that are to be computed, and those of the earlier table that are to be copied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import SparkContext

from spark_job.arrow_arrays import flags, numbers, values
from spark_job.contract.run_options import ImageLimits
from spark_job.contract.uris import contains
from spark_job.features.table import images_per_task
from spark_job.images.listing_table import COLUMNS, LISTING_SCHEMA
from spark_job.images.sampling import matches_any
from spark_job.parquet_parts import part_uris, read_part, row_count, write_part
from spark_job.storage import Folder

NEW, TAKEN = "new", "taken"
ROWS_PER_BUCKET = 50_000
TASKS_A_CORE = 2
FOOTERS_AT_ONCE = 32
LISTED = -1  # in place of an earlier part's number: a row of the listing

KNOWN_COLUMNS = ("path", "label", "split", "size", "etag", "width", "height", "error")
_TAKEN_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("part", pa.int64()),
    ("row", pa.int64()),
    ("path", pa.string()),
    ("label", pa.string()),
    ("split", pa.string()),
]
TAKEN_SCHEMA = pa.schema(_TAKEN_COLUMNS)

Rows = tuple[int, pa.Table]  # number of the earlier part, or LISTED


@dataclass(frozen=True)
class Rules:
    """What may be taken from the earlier run.

    Attributes:
        sources: an image below none of them is neither taken nor gone.
        classes: as `matches_any`; what is kept belongs to one of them.
        limits: an image beyond them is computed again, and rejected.
        keep_removed: take images that are gone from the sources too.
    """

    sources: tuple[str, ...]
    classes: tuple[str, ...]
    limits: ImageLimits
    keep_removed: bool


def sort_out(
    spark: SparkContext, listing: Folder, earlier: Folder, length: int, rules: Rules, plan: Folder
) -> Counter[str]:
    """Write `new/` and `taken/` into the plan's folder; an earlier attempt's are replaced.

    An image is unchanged when path, size and etag are; images without an etag never are, and those that were
    rejected are tried again.

    Args:
        listing: the listing's table.
        earlier: the earlier run's features table; may be empty.
        length: of a feature vector.

    Returns:
        `new`: images to compute; `reused`: taken and still in the sources; `removed`: gone from them;
        `kept`: those of them that are taken all the same.
    """
    plan.clear()
    parts = part_uris(earlier)
    with ThreadPoolExecutor(FOOTERS_AT_ONCE) as pool:
        rows = list(pool.map(row_count, parts))
    listed = [(LISTED, uri) for uri in part_uris(listing)]
    buckets = max(1, ceil(sum(rows) / ROWS_PER_BUCKET), len(listed))
    groups = in_groups(rows, images_per_task(max(sum(rows), 1), spark.defaultParallelism, length))
    tasks = [*listed, *enumerate(parts)]
    # A task costs 110 ms whatever it does, and reading some columns of a part takes less.
    task_count = TASKS_A_CORE * spark.defaultParallelism
    in_buckets = spark.parallelize(tasks, min(len(tasks), task_count)).flatMap(
        partial(_bucketed, buckets=buckets)
    )
    met = in_buckets.partitionBy(buckets, int).mapPartitionsWithIndex(
        lambda bucket, pairs: _meet(bucket, (rows for _, rows in pairs), rules, plan, groups)
    )
    group_count = max(groups, default=0) + 1
    answers = met.partitionBy(min(group_count, task_count), int).mapPartitions(
        lambda pairs: [_write_groups(pairs, plan)]
    )
    counts: Counter[str] = sum(answers.collect(), Counter())
    return counts


def in_groups(rows: Sequence[int], most: int) -> list[int]:
    """Return the group of each part: neighbours share one while they have `most` rows or fewer together."""
    groups: list[int] = []
    group, filled = 0, 0
    for count in rows:
        if filled and filled + count > most:
            group, filled = group + 1, 0
        filled += count
        groups.append(group)
    return groups


def _bucketed(task: tuple[int, str], buckets: int) -> Iterator[tuple[int, Rows]]:
    """Yield the rows of one part by the bucket that their path decides."""
    number, uri = task
    first = 0
    for batch in read_part(uri, COLUMNS if number == LISTED else KNOWN_COLUMNS):
        table = pa.Table.from_batches([batch])
        if number != LISTED:
            place = np.arange(first, first + batch.num_rows, dtype=np.int64)
            table = table.append_column("row", numbers(place))
            table = table.append_column("part", numbers(np.full_like(place, number)))
        first += batch.num_rows
        paths: list[Any] = batch.column("path").to_pylist()
        bucket = np.array([crc32(path.encode()) % buckets for path in paths], np.int64)
        for one in np.unique(bucket).tolist():
            yield one, (number, table.take(numbers(np.flatnonzero(bucket == one))))


def _meet(
    bucket: int, rows: Iterable[Rows], rules: Rules, plan: Folder, groups: Sequence[int]
) -> Iterator[tuple[int, tuple[Counter[str], pa.Table]]]:
    """Write the new images of a bucket; yield what is taken by the group of its part."""
    listed, known = _both(rows)
    new, reused, kept, removed = _sort_out(listed, known, rules)
    if new.num_rows:
        write_part(plan.at(NEW), bucket, new.to_batches(), LISTING_SCHEMA, repeated=("label", "split"))
    counts = Counter(new=new.num_rows, reused=reused.num_rows, kept=kept.num_rows, removed=removed)
    taken = pa.concat_tables([reused, kept])
    yield 0, (counts, taken.slice(0, 0))
    group = np.array(groups, np.int64)[values(_whole(taken["part"]))] if taken.num_rows else np.empty(0, int)
    for one in np.unique(group).tolist():
        yield one, (Counter(), taken.take(numbers(np.flatnonzero(group == one))))


def _both(rows: Iterable[Rows]) -> tuple[pa.Table, pa.Table]:
    """Return (listed, known), each as one table; known is empty without an earlier part."""
    listed: list[pa.Table] = [LISTING_SCHEMA.empty_table()]
    known: list[pa.Table] = []
    for number, table in rows:
        (listed if number == LISTED else known).append(table)
    schema = pa.schema([*TAKEN_SCHEMA, *(LISTING_SCHEMA.field(name) for name in ("size", "etag", "error"))])
    schema = schema.append(pa.field("width", pa.int32())).append(pa.field("height", pa.int32()))
    return pa.concat_tables(listed), pa.concat_tables(
        [schema.empty_table(), *(table.select(schema.names) for table in known)]
    )


def _sort_out(listed: pa.Table, known: pa.Table, rules: Rules) -> tuple[pa.Table, pa.Table, pa.Table, int]:
    """Return (new rows of the listing; reused, kept rows of TAKEN_SCHEMA; how many are gone)."""
    selected = listed.filter(pc.is_null(listed["skipped"]))
    place = pc.index_in(selected["path"], value_set=_whole(known["path"]))
    match = known.take(place)
    same = pc.and_(pc.equal(selected["etag"], match["etag"]), pc.equal(selected["size"], match["size"]))
    same = pc.and_(same, pc.and_(pc.not_equal(selected["etag"], ""), _usable(match, rules.limits)))
    same = pc.fill_null(same, False)
    named = match.set_column(3, "label", selected["label"]).set_column(4, "split", selected["split"])
    reused = named.filter(same).select(TAKEN_SCHEMA.names)
    absent = pc.invert(pc.is_in(known["path"], value_set=_whole(listed["path"])))
    gone = known.filter(pc.and_(absent, _usable(known, rules.limits)))
    gone = gone.filter(_belongs(gone, rules)).select(TAKEN_SCHEMA.names)
    kept = gone if rules.keep_removed else gone.slice(0, 0)
    return selected.filter(pc.invert(same)), reused, kept, gone.num_rows


def _usable(rows: pa.Table, limits: ImageLimits) -> pa.ChunkedArray[Any]:
    """Return which rows have features, of images within the limits."""
    pixels = pc.multiply(rows["width"].cast(pa.int64()), rows["height"].cast(pa.int64()))
    within = pc.and_(pc.less_equal(pixels, limits.max_pixels), pc.less_equal(rows["size"], limits.max_bytes))
    usable: pa.ChunkedArray[Any] = pc.fill_null(pc.and_(pc.is_null(rows["error"]), within), False)
    return usable


def _belongs(rows: pa.Table, rules: Rules) -> pa.Array[Any]:
    paths, labels = rows.select(["path", "label"]).to_pydict().values()
    inside = [
        any(contains(source, path) for source in rules.sources) and matches_any(label, rules.classes)
        for path, label in zip(paths, labels, strict=True)
    ]
    return flags(inside)


def _write_groups(pairs: Iterable[tuple[int, tuple[Counter[str], pa.Table]]], plan: Folder) -> Counter[str]:
    """Write the groups of one task; return their counts."""
    found: dict[int, list[tuple[Counter[str], pa.Table]]] = {}
    for group, rows in pairs:
        found.setdefault(group, []).append(rows)
    return sum((_write_taken(group, rows, plan) for group, rows in found.items()), Counter())


def _write_taken(group: int, found: list[tuple[Counter[str], pa.Table]], plan: Folder) -> Counter[str]:
    """Write one group's rows, in the order of the earlier table."""
    rows = pa.concat_tables([TAKEN_SCHEMA.empty_table(), *(table for _, table in found)])
    if rows.num_rows:
        rows = rows.sort_by([("part", "ascending"), ("row", "ascending")])
        write_part(plan.at(TAKEN), group, rows.to_batches(), TAKEN_SCHEMA, repeated=("label", "split"))
    return sum((counts for counts, _ in found), Counter())


def _whole(column: pa.ChunkedArray[Any]) -> pa.Array[Any]:
    """Return one array: combine_chunks gives a chunked one when the column is empty."""
    combined = column.combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined
