"""What a worker does with its share of the images: read, decode, prepare, extract; a row for every image.

Each image becomes one row, an unusable one with null features and the reason.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
import pyarrow as pa

from spark_job.errors import ImageRejectedError
from spark_job.extractors.specification import ExtractorSpecification
from spark_job.features.engines import Engine
from spark_job.images.decoding import decode
from spark_job.images.isolation import Isolated, SharedArray, shared_tensors
from spark_job.images.limits import MEBIBYTE, ImageLimits
from spark_job.images.listing import ListedFile
from spark_job.images.preparation import prepare
from spark_job.images.reading import Content, read_ahead, read_image

MAX_ROWS_PER_BATCH = 256
MAX_BATCH_BYTES = 16 * MEBIBYTE

FEATURES_SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("size", pa.int64()),
        ("etag", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("features", pa.list_(pa.float32())),
        ("error", pa.string()),
    ]
)
FEATURES_DDL = (
    "path string, label string, split string, size bigint, etag string, "
    "width int, height int, features array<float>, error string"
)


def rows_within(memory_bytes: int, feature_length: int, most: int) -> int:
    """How many rows of float32 features fit into so many bytes: at least 1, at most `most`."""
    return max(1, min(most, memory_bytes // (4 * feature_length)))


@dataclass(frozen=True)
class Extraction:
    """Everything a worker needs to extract features; pickled once a task.

    Attributes:
        load_engine: called once a worker process; keeps what it loaded.
        used_seconds: told the processor seconds that a partition took, the decoder's included.
    """

    specification: ExtractorSpecification
    limits: ImageLimits
    load_engine: Callable[[], Engine]
    used_seconds: Callable[[float], None]

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of ListedFile's columns in, rows of FEATURES_SCHEMA out, in the same order."""
        started = time.process_time()
        decoder_seconds = 0.0
        images = (ListedFile(**row) for batch in batches for row in batch.to_pylist())
        rows = _extract(images, self.specification, self.limits, self.load_engine())
        chunk_size = rows_within(MAX_BATCH_BYTES, self.specification.feature_length, MAX_ROWS_PER_BATCH)
        while chunk := list(islice(rows, chunk_size)):
            decoder_seconds += sum(row.prepared.seconds for row in chunk)
            yield _record_batch(chunk, self.specification.feature_length)
        self.used_seconds(time.process_time() - started + decoder_seconds)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What became of one image's bytes; its tensor lies in the shared slot unless there is an error."""

    width: int | None = None
    height: int | None = None
    error: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Row:
    image: ListedFile
    prepared: Prepared
    features: np.ndarray | None


def _extract(
    images: Iterator[ListedFile],
    specification: ExtractorSpecification,
    limits: ImageLimits,
    engine: Engine,
) -> Iterator[_Row]:
    shared = shared_tensors(specification.height, specification.width)
    tensors = shared.open()
    isolated: Isolated[tuple[ListedFile, Content], tuple[ListedFile, Prepared]] = Isolated(
        partial(prepare_images, specification=specification, limits=limits, tensors=shared),
        failed=lambda item, reason: (item[0], Prepared(error=reason)),
        max_seconds=limits.max_seconds,
    )
    for slot, (image, prepared) in isolated.map(read_ahead(images, partial(read_image, limits=limits))):
        features = None if prepared.error else engine.features(tensors[slot : slot + 1])[0]
        if features is not None and not np.isfinite(features).all():
            prepared, features = Prepared(error="the network gives no finite features for it"), None
        yield _Row(image, prepared, features)


def prepare_images(
    items: list[tuple[ListedFile, Content]],
    first_slot: int,
    *,
    specification: ExtractorSpecification,
    limits: ImageLimits,
    tensors: SharedArray,
) -> list[tuple[ListedFile, Prepared]]:
    """Decode and prepare images into their slots; runs in the decoder's process."""
    slots = tensors.open()
    return [
        (image, _prepare_image(content, specification, limits, slots[slot]))
        for slot, (image, content) in enumerate(items, first_slot)
    ]


def _prepare_image(
    content: Content, specification: ExtractorSpecification, limits: ImageLimits, tensor: np.ndarray
) -> Prepared:
    started = time.process_time()
    try:
        if isinstance(content, ImageRejectedError):
            raise content
        pixels = decode(content, limits)
        prepare(pixels, specification, tensor)
    except ImageRejectedError as error:
        return Prepared(error=str(error))
    height, width = pixels.shape[:2]
    return Prepared(width, height, None, time.process_time() - started)


def _record_batch(rows: list[_Row], feature_length: int) -> pa.RecordBatch:
    usable = np.fromiter((row.features is not None for row in rows), bool, len(rows))
    offsets = np.concatenate([[0], np.cumsum(usable * feature_length)]).astype(np.int32)
    values = [row.features for row in rows if row.features is not None]
    flat = np.concatenate(values) if values else np.empty(0, np.float32)
    features = pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat), mask=pa.array(~usable))
    images = [row.image for row in rows]
    prepared = [row.prepared for row in rows]
    columns = [
        *([getattr(image, name) for image in images] for name in ("path", "label", "split", "size", "etag")),
        *([getattr(item, name) for item in prepared] for name in ("width", "height")),
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, FEATURES_SCHEMA, strict=False)]
    errors = pa.array([item.error for item in prepared], pa.string())
    return pa.RecordBatch.from_arrays([*arrays, features, errors], schema=FEATURES_SCHEMA)
