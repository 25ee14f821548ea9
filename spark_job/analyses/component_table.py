"""The components of a run, as analyses read them: parts in Spark tasks, or a bounded draw in the driver."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from spark_job.analyses.source_run import SourceRun
from spark_job.contract import run_layout as layout
from spark_job.contract.errors import MisuseError
from spark_job.features.table import read_usable
from spark_job.images.listing import ListedFile
from spark_job.images.sampling import Sample
from spark_job.parquet_parts import part_uris
from spark_job.reduction.projection import ARRAY_COLUMN

IMAGE_COLUMNS = ("path", "label", "split", "size")
MAX_DRAWN_BYTES = 128 * 1024**2


@dataclass(frozen=True)
class ComponentTable:
    """`reduction/components/` of a run.

    Attributes:
        parts: URIs, in order.
        length: k, of each vector.
    """

    parts: tuple[str, ...]
    length: int

    @classmethod
    def of(cls, run: SourceRun) -> "ComponentTable":
        """Return the table of a finished run.

        Raises:
            MisuseError: the run has none, because it found no images.
        """
        length = run.metrics["reduction"]["components"]
        if not length:
            raise MisuseError(f"{run.uri} holds no components: it found no images; name a run that did")
        return cls(tuple(part_uris(run.table(layout.COMPONENTS))), length)

    def rows(self, uri: str) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        """Yield the rows of a part in batches: IMAGE_COLUMNS, and the components as (n, k) float64."""
        return read_usable(uri, self.length, IMAGE_COLUMNS, ARRAY_COLUMN)


def listed_files(batch: pa.RecordBatch) -> list[ListedFile]:
    """Return the images of rows that have IMAGE_COLUMNS."""
    columns = (batch.column(name).to_pylist() for name in IMAGE_COLUMNS)
    return [
        ListedFile(path, label, split, size, etag="")
        for path, label, split, size in zip(*columns, strict=True)
    ]


def name_of(image: ListedFile) -> str:
    """Return the last folder and the file: a short name for people."""
    return "/".join(image.path.split("/")[-2:])


def directions(rows: np.ndarray) -> np.ndarray:
    """Scale rows of (n, d) to length 1, so that their products are cosines; a row of length 0 stays."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: np.ndarray = rows / np.where(lengths > 0, lengths, 1)
    return scaled


def draw_images(table: ComponentTable, most: int, seed: int) -> tuple[list[ListedFile], np.ndarray]:
    """Draw images evenly from the whole table, by path; the same seed draws the same images.

    Args:
        most: how many; fewer where they would take more than 128 MiB.

    Returns:
        The images, by path, and their components as (n, k) float32.
    """
    quota = max(1, min(most, MAX_DRAWN_BYTES // (4 * table.length)))
    sample = Sample[tuple[ListedFile, np.ndarray]]({"": quota}, seed)
    for uri in table.parts:
        for batch, rows in table.rows(uri):
            for image, row in zip(listed_files(batch), rows.astype(np.float32), strict=True):
                sample.offer("", image.path, (image, row))
    images, taken = zip(*sample.items(), strict=True)
    return list(images), np.stack(taken)
