"""What a worker does with its images: read, decode, prepare, and run the network on one processor core."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, Self, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import SparkContext, SparkFiles

from spark_job.arrow_tables import array, rows_within, vectors
from spark_job.contract.erasure import Tombstones
from spark_job.contract.extractor_files import ENGINE_FILES
from spark_job.contract.run_options import MEBIBYTE, ImageLimits
from spark_job.errors import ExtractorError
from spark_job.extractors.frameworks import import_keras, import_openvino, import_tensorflow
from spark_job.extractors.specification import Extractor, ExtractorSpecification
from spark_job.features.counting import ShareCount
from spark_job.images.isolation import Order, start_decoder
from spark_job.images.listing import ListedFile
from spark_job.images.preparation import Prepared, prepared_images
from spark_job.images.quality import Quality
from spark_job.images.reading import read_ahead, read_image, unless_all_are_refused
from spark_job.session import Sum

MAX_ROWS_PER_BATCH = 256
MAX_BATCH_BYTES = 16 * MEBIBYTE
_KINDS: dict[type, pa.DataType] = {float: pa.float32(), bool: pa.bool_(), str: pa.string()}
QUALITY_SCHEMA = pa.schema([(name, _KINDS[kind]) for name, kind in get_type_hints(Quality).items()])
_COLUMNS: dict[str, pa.DataType] = dict.fromkeys(("path", "label", "split"), pa.string())
_COLUMNS |= {"size": pa.int64(), "etag": pa.string(), "width": pa.int32(), "height": pa.int32()}
_COLUMNS |= {"features": pa.list_(pa.float32()), "error": pa.string(), "damage": pa.string()}
_COLUMNS |= {field.name: field.type for field in QUALITY_SCHEMA}
_COLUMNS |= {"thumbnail": pa.binary(), "first_seen": pa.date32(), "ends": pa.date32()}
FEATURES_SCHEMA = pa.schema(_COLUMNS)


class Engine(Protocol):
    """A loaded network."""

    def features(self, tensors: np.ndarray) -> np.ndarray:
        """Compute a fresh (n, feature_length) float32 of (n, height, width, 3) float32, C-contiguous."""


def load_engine(
    files: Mapping[str, Path], specification: ExtractorSpecification, engine: str, precision: str
) -> Engine:
    """Load a network to run on one core; hashes are not checked here. ExtractorError: it does not load."""
    paths = [files[name] for name in ENGINE_FILES[engine]]
    make: Callable[..., Engine] = _OpenVinoEngine if engine == "openvino" else _TensorFlowEngine
    try:
        return make(*paths, specification, precision)
    except (RuntimeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ExtractorError(f"{engine} cannot load {paths[0].name}: {reason}") from error


class _OpenVinoEngine:
    """One image at a time: in f32 that is faster than batches."""

    def __init__(
        self, graph: Path, numbers: Path, specification: ExtractorSpecification, precision: str
    ) -> None:
        openvino = import_openvino()
        core = openvino.Core()
        options = {
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": precision,
            "ENABLE_CPU_PINNING": False,  # pinned, all workers' processes would share the first core
            "PERFORMANCE_HINT": "LATENCY",
        }
        network = core.compile_model(core.read_model(str(graph), str(numbers)), "CPU", options)
        self._request = network.create_infer_request()
        self._tensor: Any = openvino.Tensor
        self._feature_length = specification.feature_length

    def features(self, tensors: np.ndarray) -> np.ndarray:
        # OpenVINO reads the array's own memory, and refuses an array that is read-only.
        tensors = np.require(tensors, np.float32, ["C_CONTIGUOUS", "WRITEABLE"])
        features = np.empty((len(tensors), self._feature_length), np.float32)
        for index in range(len(tensors)):
            self._request.set_input_tensor(self._tensor(tensors[index : index + 1], shared_memory=True))
            self._request.infer()
            features[index] = self._request.get_output_tensor().data.reshape(-1)
        return features


class _TensorFlowEngine:
    """Keras' own answer, which the others are compared with; a whole batch at a time."""

    def __init__(self, archive: Path, specification: ExtractorSpecification, _precision: str) -> None:
        tensorflow = import_tensorflow()
        with suppress(RuntimeError):  # it has already computed something: not in a worker, and only slower
            tensorflow.config.threading.set_intra_op_parallelism_threads(1)
            tensorflow.config.threading.set_inter_op_parallelism_threads(1)
        network = import_keras().saving.load_model(archive, compile=False)
        shape = (None, specification.height, specification.width, 3)
        self._run = tensorflow.function(
            lambda tensors: network(tensors, training=False),
            input_signature=[tensorflow.TensorSpec(shape, tensorflow.float32)],
        )

    def features(self, tensors: np.ndarray) -> np.ndarray:
        return np.array(self._run(tensors), np.float32)


def worker_engine(
    spark: SparkContext, extractor: Extractor, engine: str, precision: str, scratch: Path
) -> Callable[[], Engine]:
    """Send the network's files to every node once; return what loads them once a worker process."""
    names = {}
    for name in ENGINE_FILES[engine]:
        path = extractor.fetch(name, into=scratch)
        spark.addFile(str(path))
        names[name] = path.name
    return partial(_load_once, names, extractor.specification, engine, precision)


_loaded: dict[tuple[str, ...], Engine] = {}  # of this worker process; one at a time


def _load_once(
    names: Mapping[str, str], specification: ExtractorSpecification, engine: str, precision: str
) -> Engine:
    key = (specification.fingerprint, engine, precision)
    if key not in _loaded:
        files = {name: Path(SparkFiles.get(file)) for name, file in names.items()}
        _loaded.clear()
        _loaded[key] = load_engine(files, specification, engine, precision)
    return _loaded[key]


def features_schema(label_columns: Iterable[str]) -> pa.Schema:
    """Return the schema of a features table: FEATURES_SCHEMA, and a text for each column of a label table."""
    return pa.schema([*FEATURES_SCHEMA, *((name, pa.string()) for name in label_columns)])


def label_arrays(rows: pa.RecordBatch, label_columns: Sequence[str]) -> list[pa.Array[Any]]:
    """Return the columns of a label table, of rows whose column `labels` holds them together."""
    return [pc.list_element(rows.column("labels"), place) for place in range(len(label_columns))]


@dataclass(frozen=True)
class Extraction:
    """What a worker needs to extract features; pickled once a task."""

    specification: ExtractorSpecification
    limits: ImageLimits
    load_engine: Callable[[], Engine]  # keeps what it loaded
    # says of a label and a path whether a report may want a thumbnail
    shown: Callable[[str, str], bool] = lambda _label, _path: False
    label_columns: tuple[str, ...] = ()  # of the table of labels, if there is one
    erased: Tombstones | None = None  # photographs that are passed over
    first_seen: date | None = None  # the day of the run
    ends: date | None = None  # the day from which on its rows are not reused

    @property
    def schema(self) -> pa.Schema:
        return features_schema(self.label_columns)

    def __call__(
        self, batch: pa.RecordBatch, tally: Tally, count: ShareCount | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield rows of `schema` for rows of LISTING_SCHEMA, in their order; add to both counts."""
        start_decoder()  # it gets ready while the network is loaded
        started = time.process_time()
        rows = self._rows((ListedFile(**row) for row in batch.to_pylist()), self.load_engine(), count)
        loaded = time.monotonic()
        chunk_size = rows_within(MAX_BATCH_BYTES, self.specification.feature_length, MAX_ROWS_PER_BATCH)
        first = 0
        while chunk := list(islice(rows, chunk_size)):
            tally.add(chunk)
            yield self._record_batch(batch.slice(first, len(chunk)), chunk)
            first += len(chunk)
        tally.processor_seconds += time.process_time() - started
        tally.seconds += time.monotonic() - loaded

    def _rows(self, files: Iterator[ListedFile], engine: Engine, count: ShareCount | None) -> Iterator[_Row]:
        reads = read_ahead(files, partial(read_image, limits=self.limits, erased=self.erased))
        orders = (
            (image, Order(content, self.shown(image.label, image.path)))
            for image, content in unless_all_are_refused(reads)
        )
        for image, prepared, tensor in prepared_images(orders, self.specification, self.limits):
            features = None if prepared.error else engine.features(tensor[np.newaxis])[0]
            if features is not None and not np.isfinite(features).all():
                prepared, features = Prepared(error="the network gives no finite features for it"), None
            if count:
                count.image(prepared.error)
            yield _Row(image, prepared, features)

    def _record_batch(self, batch: pa.RecordBatch, rows: list[_Row]) -> pa.RecordBatch:
        prepared, schema = [row.prepared for row in rows], self.schema

        def said(of: Sequence[object], *names: str) -> Iterator[pa.Array[Any]]:
            for name in names:
                yield array([getattr(one, name, None) for one in of], schema.field(name).type)

        columns = [
            *(batch.column(name) for name in ("path", "label", "split", "size", "etag")),
            *said(prepared, "width", "height"),
            vectors([row.features for row in rows], np.float32),
            *said(prepared, "error", "damage"),
            *said([one.quality for one in prepared], *QUALITY_SCHEMA.names),
            *said(prepared, "thumbnail"),
            *said([self] * len(rows), "first_seen", "ends"),
            *label_arrays(batch, self.label_columns),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=schema)


@dataclass(frozen=True, slots=True)
class _Row:
    image: ListedFile
    prepared: Prepared
    features: np.ndarray | None


@dataclass
class Tally(Sum):
    """What became of images: class -> how many; processor seconds of the worker and its decoder."""

    usable: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    damaged: int = 0  # how many of the usable ones are damaged in part
    processor_seconds: float = 0.0
    computed: int = 0  # how many were computed now; the others are in parts that an earlier attempt finished
    seconds: float = 0.0  # wall time that cores worked on images, all of them added up
    pixels: int = 0  # of the images that were decoded

    def to_json(self) -> str:
        """Return what became of the images, without what it took."""
        return json.dumps({"usable": self.usable, "rejected": self.rejected, "damaged": self.damaged})

    @classmethod
    def from_json(cls, text: str) -> Self:
        counts = json.loads(text)
        return cls(Counter(counts["usable"]), Counter(counts["rejected"]), counts["damaged"])

    def add(self, rows: list[_Row]) -> None:
        self.computed += len(rows)
        for row in rows:
            (self.usable if row.features is not None else self.rejected)[row.image.label] += 1
            self.damaged += row.prepared.damage is not None
            self.pixels += (row.prepared.width or 0) * (row.prepared.height or 0)
            self.processor_seconds += row.prepared.seconds
