"""Every image of a run to its nearest centre, in Spark tasks over the parts."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from pyspark import SparkContext

from spark_job.analyses.source_run import VectorTable, directions
from spark_job.analyses.totals import First, Sums
from spark_job.arrow_arrays import numbers
from spark_job.images.listing import ListedFile, listed_files
from spark_job.parquet_parts import write_part
from spark_job.session import Sum, sum_over_tasks
from spark_job.storage import Folder

_COLUMNS: dict[str, pa.DataType] = dict.fromkeys(("path", "label", "split"), pa.string())
_COLUMNS |= {"size": pa.int64(), "cluster": pa.int32(), "distance": pa.float32()}
CLUSTERS_SCHEMA = pa.schema(_COLUMNS)


class Nearest(First):
    """The images nearest to a centre, nearest first, with their distance; by path where equal."""

    most = 8


@dataclass
class Assigned(Sum):
    """How many images of each folder went to each cluster."""

    # (cluster, label) -> images; clusters count from 1
    counts: Counter[tuple[int, str]] = field(default_factory=Counter)
    nearest: Sums[int, Nearest] = field(default_factory=Sums)
    squares: float = 0.0  # sum of squared distances to the centres


def assign(spark: SparkContext, table: VectorTable, centres: np.ndarray, destination: Folder) -> Assigned:
    """Store cluster and distance of every image, part by part; centres: (k, d) float64, of directions."""
    shared = spark.broadcast(centres)

    def write(task: tuple[int, str]) -> Assigned:
        number, uri = task
        assigned, batches = Assigned(), []
        for batch, rows in table.rows(uri):
            clusters, distances = nearest_centres(directions(rows), shared.value)
            assigned += _tally(listed_files(batch), clusters, distances)
            columns = [*batch.columns, numbers(clusters), numbers(distances.astype(np.float32))]
            batches.append(pa.RecordBatch.from_arrays(columns, schema=CLUSTERS_SCHEMA))
        write_part(destination, number, batches, CLUSTERS_SCHEMA, repeated=("label", "split"))
        return assigned

    return sum_over_tasks(spark, list(enumerate(table.parts)), write)


def nearest_centres(rows: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return cluster (from 1, int32) and Euclidean distance (float64) of each of (n, d) rows."""
    squares = (rows**2).sum(axis=1)[:, None] - 2 * rows @ centres.T + (centres**2).sum(axis=1)
    clusters = squares.argmin(axis=1)
    distances = np.sqrt(np.maximum(squares[np.arange(len(rows)), clusters], 0))
    return (clusters + 1).astype(np.int32), distances


def _tally(images: list[ListedFile], clusters: np.ndarray, distances: np.ndarray) -> Assigned:
    counts = Counter(zip(clusters.tolist(), (image.label for image in images), strict=True))
    ranked = [((away, one.path), one) for away, one in zip(distances.tolist(), images, strict=True)]
    members = {cluster: np.flatnonzero(clusters == cluster) for cluster in np.unique(clusters).tolist()}
    nearest = {cluster: Nearest(ranked[place] for place in places) for cluster, places in members.items()}
    return Assigned(counts, Sums(nearest), float((distances**2).sum()))
