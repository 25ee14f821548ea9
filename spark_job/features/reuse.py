"""What a run reuses of the previous one: which images are unchanged, new or gone, and the copied rows.

The listing and the previous features are joined by path, in Spark tasks, in buckets that fit into memory, or
in the driver where one holds all. The answer is a table of rows to compute, and one of rows to reuse.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import partial
from math import ceil
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import SparkContext

from spark_job import arrow_tables as arrow
from spark_job.contract.run_options import MEBIBYTE, ImageLimits, RunOptions
from spark_job.contract.uris import contains, is_s3
from spark_job.features.extraction import FEATURES_SCHEMA, Tally, features_schema, label_arrays
from spark_job.features.table import REPEATED, images_per_task
from spark_job.images.labels import Labels, Values
from spark_job.images.listing import COLUMNS, LISTING_SCHEMA
from spark_job.images.sampling import matches_any
from spark_job.storage import Folder, side_by_side

MAX_READ_BYTES = 32 * MEBIBYTE
NEW, REUSED = "new", "taken"  # folders; the second has the name that earlier versions of this job gave it
ROWS_PER_BUCKET = 50_000
TASKS_A_CORE = 2
LISTED = -1  # in place of the number of a part of the previous run's table: a row of the listing
PREVIOUS_COLUMNS = ("path", "size", "etag", "width", "height", "error", "first_seen")
PLACE = ("part", "row", "path")
_COLUMNS: dict[str, pa.DataType] = dict.fromkeys(("part", "row"), pa.int64())
_COLUMNS |= dict.fromkeys(("path", "label", "split"), pa.string())
_COLUMNS |= {"labels": pa.list_(pa.string()), "gone": pa.bool_()}
REUSED_SCHEMA = pa.schema(_COLUMNS)
_PLACED = [field for field in REUSED_SCHEMA if field.name in ("part", "row")]
PREVIOUS_SCHEMA = pa.schema([*_PLACED, *map(FEATURES_SCHEMA.field, PREVIOUS_COLUMNS)])
LABELLING = ("label", "split", "labels")
Rows = tuple[int, pa.Table]  # number of the part of the previous run's table, or LISTED


def copy_features(
    spark: SparkContext,
    reused: Folder,
    previous: Sequence[str],
    destination: Folder,
    length: int,
    first: int,
    label_columns: Sequence[str],
    options: RunOptions,
) -> Tally:
    """Copy rows with this run's labels, as parts from `first` on; gone photographs lose thumbnails."""
    tasks = list(enumerate(arrow.part_uris(reused), start=first))
    if not tasks:
        return Tally()

    def copy(task: tuple[int, str]) -> Tally:
        number, uri = task
        tally, schema = Tally(), features_schema(label_columns)
        batches = _copied(uri, previous, length, label_columns, options, tally)
        arrow.write_part(destination, number, batches, schema, repeated=(*REPEATED, *label_columns))
        return tally

    task_count = min(len(tasks), TASKS_A_CORE * spark.defaultParallelism)
    return sum(spark.parallelize(tasks, task_count).map(copy).collect(), Tally())


# A function of the module, not of the task: with a task Spark would send the scalars, whose reading imports
# pandas.
def _copied(
    uri: str,
    previous: Sequence[str],
    length: int,
    label_columns: Sequence[str],
    options: RunOptions,
    tally: Tally,
) -> Iterator[pa.RecordBatch]:
    """Yield the previous run's rows that one part of the table of reused rows names; add to the tally."""
    table = pa.Table.from_batches(arrow.read_part(uri, REUSED_SCHEMA.names), REUSED_SCHEMA)
    reused = table.combine_chunks().to_batches()[0]
    parts, schema = arrow.values(reused.column("part")), features_schema(label_columns)
    nothing = arrow.array([None], pa.binary())[0]
    for number in np.unique(parts).tolist():
        begin, end = np.searchsorted(parts, [number, number + 1]).tolist()
        rows, start = arrow.values(reused.column("row"))[begin:end], 0
        rows_at_once = arrow.rows_within(MAX_READ_BYTES, length, 4_096)
        for batch in arrow.read_part(previous[number], FEATURES_SCHEMA.names, rows_at_once):
            first, last = np.searchsorted(rows, [start, start + batch.num_rows]).tolist()
            if last > first:
                copied = batch.take(arrow.numbers(rows[first:last] - start))
                listed = reused.slice(begin + first, last - first)
                hidden = listed.column("gone") if options.shows_images else arrow.YES
                changed = {
                    "label": listed.column("label"),
                    "split": listed.column("split"),
                    "thumbnail": pc.if_else(hidden, nothing, copied.column("thumbnail")),
                    "ends": _ends(copied.column("first_seen"), options),
                }
                columns = [changed.get(name, copied.column(name)) for name in FEATURES_SCHEMA.names]
                tally.usable += Counter[Any](listed.column("label").to_pylist())
                tally.damaged += copied.num_rows - copied.column("damage").null_count
                labels = label_arrays(listed, label_columns)
                yield pa.RecordBatch.from_arrays([*columns, *labels], schema=schema)
            start += batch.num_rows


def find_reusable(
    spark: SparkContext,
    listing: Folder,
    previous: Folder,
    length: int,
    options: RunOptions,
    labels: Labels,
    today: date,
    destination: Folder,
) -> Counter[str]:
    """Write the tables NEW and REUSED into the destination; those of an earlier attempt are replaced.

    An image is unchanged when path, size and etag are; without an etag it never is, and a rejected one is
    tried again. An image below none of the sources is neither reused nor gone. Returns images by what
    becomes of them: `new` are computed, `reused` still in the sources, `removed` gone from them, of which
    `kept` stay in the results.
    """
    destination.clear()
    parts = arrow.part_uris(previous)
    rows = [end.num_rows for end in side_by_side(arrow.footer, parts)]
    listed = [(LISTED, uri) for uri in arrow.part_uris(listing)]
    buckets = max(1, ceil(sum(rows) / ROWS_PER_BUCKET), len(listed))
    groups = in_groups(rows, images_per_task(max(sum(rows), 1), spark.defaultParallelism, length))
    tasks = [*listed, *enumerate(parts)]
    if buckets == 1 and not any(map(is_s3, parts)):  # a second less than by Spark's shuffles
        together = (rows for task in tasks for _, rows in _bucketed(task, buckets))
        return _write_groups(_meet(0, together, options, labels, today, destination, groups), destination)
    task_count = TASKS_A_CORE * spark.defaultParallelism  # reading columns takes less than a task
    shared = spark.broadcast(labels)
    dealt = spark.parallelize(tasks, min(len(tasks), task_count)).flatMap(partial(_bucketed, buckets=buckets))
    met = dealt.partitionBy(buckets, int).mapPartitionsWithIndex(
        lambda bucket, pairs: _meet(
            bucket, (rows for _, rows in pairs), options, shared.value, today, destination, groups
        )
    )
    group_count = max(groups, default=0) + 1
    answers = met.partitionBy(min(group_count, max(task_count, buckets)), int).mapPartitions(
        lambda pairs: [_write_groups(pairs, destination)]
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
    for batch in arrow.read_part(uri, COLUMNS if number == LISTED else PREVIOUS_COLUMNS):
        table = pa.Table.from_batches([batch])
        if number != LISTED:
            place = np.arange(first, first + batch.num_rows, dtype=np.int64)
            columns = [arrow.numbers(np.full_like(place, number)), arrow.numbers(place), *batch.columns]
            table = pa.table(columns, schema=PREVIOUS_SCHEMA)
        first += batch.num_rows
        paths: list[Any] = batch.column("path").to_pylist()
        bucket = np.array([crc32(path.encode()) % buckets for path in paths], np.int64)
        for one in np.unique(bucket).tolist():
            yield one, (number, table.take(arrow.numbers(np.flatnonzero(bucket == one))))


def _meet(
    bucket: int,
    rows: Iterable[Rows],
    options: RunOptions,
    labels: Labels,
    today: date,
    destination: Folder,
    groups: Sequence[int],
) -> Iterator[tuple[int, tuple[Counter[str], pa.Table]]]:
    """Write the new images of a bucket; yield the rows to be reused by the group of their part."""
    listed: list[pa.Table] = [pa.Table.from_batches([], LISTING_SCHEMA)]
    previous: list[pa.Table] = [pa.Table.from_batches([], PREVIOUS_SCHEMA)]
    for number, table in rows:
        (listed if number == LISTED else previous).append(table)
    tables = pa.concat_tables(listed), pa.concat_tables(previous)
    new, reused, kept, removed = _compare(*tables, options, labels, today)
    if new.num_rows:
        arrow.write_part(destination.at(NEW), bucket, new.to_batches(), LISTING_SCHEMA, ("label", "split"))
    counts = Counter(new=new.num_rows, reused=reused.num_rows, kept=kept.num_rows, removed=removed)
    reused = pa.concat_tables([reused, kept])
    yield 0, (counts, reused.slice(0, 0))
    parts = arrow.values(arrow.whole(reused["part"])) if reused.num_rows else np.empty(0, int)
    group = np.array(groups, np.int64)[parts]
    for one in np.unique(group).tolist():
        yield one, (Counter(), reused.take(arrow.numbers(np.flatnonzero(group == one))))


def _compare(
    listed: pa.Table, previous: pa.Table, options: RunOptions, labels: Labels, today: date
) -> tuple[pa.Table, pa.Table, pa.Table, int]:
    """Return (new rows of the listing; reused, kept rows of REUSED_SCHEMA; how many are gone)."""
    selected = listed.filter(pc.is_null(listed["skipped"]))
    place = pc.index_in(selected["path"], value_set=arrow.whole(previous["path"]))
    match = previous.take(place)
    same = pc.and_(pc.equal(selected["etag"], match["etag"]), pc.equal(selected["size"], match["size"]))
    same = pc.and_(same, pc.not_equal(selected["etag"], arrow.NO_TEXT))
    same = pc.and_(same, _usable(match, options.limits))
    same = pc.fill_null(pc.and_(same, _lasting(match, options, today)), arrow.NO)
    reused = _named(match, *(selected[name] for name in LABELLING), gone=False).filter(same)
    absent = pc.invert(pc.is_in(previous["path"], value_set=arrow.whole(listed["path"])))
    gone = previous.filter(pc.and_(absent, _usable(previous, options.limits)))
    kept = gone.filter(_lasting(gone, options, today)) if options.removed == "keep" else gone.slice(0, 0)
    kept, gone = (_of_sources(rows, options, labels) for rows in (kept, gone))
    return selected.filter(pc.invert(same)), reused, kept, gone.num_rows


def _lasting(rows: pa.Table, options: RunOptions, today: date) -> pa.Array[Any]:
    ends = _ends(arrow.whole(rows["first_seen"]), options)
    lasting: pa.Array[Any] = pc.fill_null(pc.greater(ends, arrow.array([today], pa.date32())[0]), arrow.YES)
    return lasting


def _ends(first_seen: pa.Array[Any], options: RunOptions) -> pa.Array[Any]:
    """Return the days from which on rows are not reused, of those on which their images were first seen."""
    if not options.retention_days:
        return pa.nulls(len(first_seen), pa.date32())
    retained = arrow.numbers(np.array([options.retention_days], np.int32))[0]
    ends: pa.Array[Any] = pc.add(first_seen.view(pa.int32()), retained).view(pa.date32())
    return ends


def _usable(rows: pa.Table, limits: ImageLimits) -> pa.ChunkedArray[Any]:
    pixels = pc.multiply(rows["width"].cast(pa.int64()), rows["height"].cast(pa.int64()))
    most_pixels, most_bytes = arrow.numbers(np.array([limits.max_pixels, limits.max_bytes], np.int64))
    within = pc.and_(pc.less_equal(pixels, most_pixels), pc.less_equal(rows["size"], most_bytes))
    usable: pa.ChunkedArray[Any] = pc.fill_null(pc.and_(pc.is_null(rows["error"]), within), arrow.NO)
    return usable


def _of_sources(rows: pa.Table, options: RunOptions, labels: Labels) -> pa.Table:
    """Return those images, as REUSED_SCHEMA has them, that lie in the sources and are of the classes."""
    found: list[tuple[str, str, Values | None]] = []
    belongs: list[bool] = []
    for path in rows.select(["path"]).to_pydict()["path"]:
        source = next((source for source in options.images if contains(source, path)), None)
        found.append(
            labels.of_image(source, path[len(source.rstrip("/")) + 1 :]) if source else ("", "", None)
        )
        belongs.append(source is not None and matches_any(found[-1][0], options.classes))
    labelling = [
        arrow.array([one[place] for one in found], REUSED_SCHEMA.field(name).type)
        for place, name in enumerate(LABELLING)
    ]
    return _named(rows, *labelling, gone=True).filter(arrow.array(belongs, pa.bool_()))


def _named(rows: pa.Table, *labelling: pa.Array[Any] | pa.ChunkedArray[Any], gone: bool) -> pa.Table:
    """Return rows as REUSED_SCHEMA has them, with the label, split and labels of this run."""
    columns = [rows[name] for name in PLACE]
    constant = arrow.array([gone] * rows.num_rows, pa.bool_())
    return pa.table([*columns, *labelling, constant], schema=REUSED_SCHEMA)


def _write_groups(
    pairs: Iterable[tuple[int, tuple[Counter[str], pa.Table]]], destination: Folder
) -> Counter[str]:
    """Write the groups of one task, each in the order of the previous run's table; return their counts."""
    groups, total = defaultdict[int, list[pa.Table]](list), Counter[str]()
    for group, (counts, rows) in pairs:
        total += counts
        if rows.num_rows:
            groups[group].append(rows)
    for group, tables in groups.items():
        rows = pa.concat_tables(tables).sort_by([("part", "ascending"), ("row", "ascending")])
        folder = destination.at(REUSED)
        arrow.write_part(folder, group, rows.to_batches(), REUSED_SCHEMA, repeated=("label", "split"))
    return total
