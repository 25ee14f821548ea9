"""Every image of a run to its nearest centre, in Spark tasks over the parts."""

from collections import Counter
from dataclasses import dataclass, field
from heapq import nsmallest

import numpy as np
import pyarrow as pa
from pyspark import SparkContext

from spark_job.analyses.source_run import VectorTable, directions
from spark_job.arrow_arrays import numbers
from spark_job.images.listing import ListedFile, listed_files
from spark_job.parquet_parts import write_part
from spark_job.session import sum_over_tasks
from spark_job.storage import Folder

NEAREST_SHOWN = 8
_COLUMNS: dict[str, pa.DataType] = dict.fromkeys(("path", "label", "split"), pa.string())
_COLUMNS |= {"size": pa.int64(), "cluster": pa.int32(), "distance": pa.float32()}
CLUSTERS_SCHEMA = pa.schema(_COLUMNS)

Member = tuple[float, ListedFile]  # distance to its centre, image


@dataclass
class Assigned:
    """How many images of each folder went to each cluster."""

    # (cluster, label) -> images; clusters count from 1
    counts: Counter[tuple[int, str]] = field(default_factory=Counter)
    # cluster -> the images nearest to its centre, nearest first
    nearest: dict[int, list[Member]] = field(default_factory=dict)
    squares: float = 0.0  # sum of squared distances to the centres

    def __add__(self, other: "Assigned") -> "Assigned":
        clusters = self.nearest.keys() | other.nearest.keys()
        nearest = {one: _few(self.nearest.get(one, []) + other.nearest.get(one, [])) for one in clusters}
        return Assigned(self.counts + other.counts, nearest, self.squares + other.squares)


def _few(members: list[Member]) -> list[Member]:
    return nsmallest(NEAREST_SHOWN, members, key=lambda member: (member[0], member[1].path))


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
    nearest = {
        int(cluster): _few(
            [(float(distances[place]), images[place]) for place in np.flatnonzero(clusters == cluster)]
        )
        for cluster in np.unique(clusters)
    }
    return Assigned(counts, nearest, float((distances**2).sum()))
