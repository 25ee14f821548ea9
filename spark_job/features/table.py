"""The features table: what Spark does to fill it, and what it counts in it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path

from pyspark import SparkFiles
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name everyone uses

from spark_job.errors import ExtractorError
from spark_job.extractors.folder import Extractor
from spark_job.extractors.specification import ENGINE_FILES, ExtractorSpecification
from spark_job.features.engines import Engine, load_engine
from spark_job.features.extraction import FEATURES_DDL, Extraction, rows_within
from spark_job.images.limits import MEBIBYTE

# A Python task costs about 110 ms before its first row (docs/decisions/0002-reader.md); this many images
# take some seconds, short enough for progress, even shares and the loss of a node.
IMAGES_PER_TASK = 2_000
MAX_READ_BYTES = 32 * MEBIBYTE


def task_count(images: int, cores: int) -> int:
    """How many tasks share the images: whole rounds over the cores, none of them empty."""
    rounds = max(1, ceil(images / (IMAGES_PER_TASK * cores)))
    return max(1, min(images, rounds * cores))


@dataclass(frozen=True)
class EngineChoice:
    """Which engine runs the network, and how precisely."""

    engine: str
    precision: str


def write_features(
    images: DataFrame,
    image_count: int,
    destination: str,
    extraction: Extraction,
) -> None:
    """Compute the features of all images and store them as Parquet; a failed earlier attempt is replaced.

    Args:
        images: ListedFile's columns.
        image_count: rows of `images`.
        destination: URI of the `features/` folder.
        extraction: what each worker does.
    """
    spark = images.sparkSession
    tasks = task_count(image_count, spark.sparkContext.defaultParallelism)
    shares = images.repartition(tasks)
    table = shares.mapInArrow(extraction, FEATURES_DDL)
    # Floats do not repeat: a dictionary of them costs time and saves no space.
    table.write.option("parquet.enable.dictionary#features.list.element", "false").mode("overwrite").parquet(
        destination
    )


def worker_engine(
    spark: SparkSession, extractor: Extractor, choice: EngineChoice, scratch: Path
) -> Callable[[], Engine]:
    """Send the network's files to every node once; returns what loads them once a worker process.

    Args:
        scratch: a local folder that lives as long as the session.

    Raises:
        ExtractorError: the extractor has no files for this engine.
    """
    names = {}
    for name in ENGINE_FILES[choice.engine]:
        path = extractor.fetch(name, into=scratch)
        spark.sparkContext.addFile(str(path))
        names[name] = path.name
    return partial(_load_once, tuple(names.items()), extractor.specification, choice)


_loaded: dict[tuple[str, EngineChoice], Engine] = {}  # of this worker process; one at a time


def _load_once(
    names: tuple[tuple[str, str], ...], specification: ExtractorSpecification, choice: EngineChoice
) -> Engine:
    key = (specification.fingerprint, choice)
    if key in _loaded:
        return _loaded[key]
    files = {name: Path(SparkFiles.get(file)) for name, file in names}
    if missing := [str(path) for path in files.values() if not path.is_file()]:
        raise ExtractorError(f"the network did not reach this worker: {missing}")
    _loaded.clear()
    _loaded[key] = load_engine(files, specification, choice.engine, choice.precision)
    return _loaded[key]


def read_features(spark: SparkSession, uri: str, feature_length: int) -> DataFrame:
    """A features table, to be read in batches that fit into memory however long the vectors are.

    Spark's defaults are 4,096 and 10,000 rows: 2.5 GB and 6 GB for the pixels of 224x224.
    """
    read_at_once = rows_within(MAX_READ_BYTES, feature_length, 4_096)
    spark.conf.set("spark.sql.parquet.columnarReaderBatchSize", read_at_once)
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", min(read_at_once, 1_000))
    return spark.read.schema(FEATURES_DDL).parquet(uri)


def usable(features: DataFrame) -> DataFrame:
    """The rows that have features."""
    return features.where(F.col("error").isNull())


def count_by_class(features: DataFrame) -> list[tuple[str, int, int]]:
    """(label, usable, rejected) of every class, by label."""
    rows = (
        features.groupBy("label")
        .agg(F.count_if(F.col("error").isNull()).alias("usable"), F.count("error").alias("rejected"))
        .collect()
    )
    return sorted((row["label"], row["usable"], row["rejected"]) for row in rows)
