"""The vectors of a run, as analyses read them: parts in Spark tasks, or a bounded draw in the driver."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa

from spark_job.analyses.source_run import SourceRun
from spark_job.contract import run_layout as layout
from spark_job.contract.errors import MisuseError
from spark_job.features.table import read_usable
from spark_job.images.listing import ListedFile
from spark_job.images.listing_table import IMAGE_COLUMNS, listed_files
from spark_job.images.sampling import Sample
from spark_job.parquet_parts import part_uris
from spark_job.reduction.projection import ARRAY_COLUMN

MAX_DRAWN_BYTES = 128 * 1024**2


@dataclass(frozen=True)
class VectorTable:
    """A table of a finished run with a vector for each usable image.

    Attributes:
        parts: URIs, in order.
    """

    parts: tuple[str, ...]
    column: str
    length: int

    @classmethod
    def features(cls, run: SourceRun) -> Self:
        """Return the features; MisuseError: the run has none, because it found no images."""
        return cls._of(run, layout.FEATURES, "features", run.metrics["features"]["length"])

    @classmethod
    def components(cls, run: SourceRun) -> Self:
        """Return the components; MisuseError: the run has none, because it found no images."""
        return cls._of(run, layout.COMPONENTS, ARRAY_COLUMN, run.metrics["reduction"]["components"])

    @classmethod
    def _of(cls, run: SourceRun, table: str, column: str, length: int | None) -> Self:
        parts = part_uris(run.table(table))
        if not parts or not length:
            raise MisuseError(f"{run.uri} holds no {table}: it found no images; name a run that did")
        return cls(tuple(parts), column, length)

    def rows(self, uri: str) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        """Yield the rows of a part in batches: IMAGE_COLUMNS, and the vectors as (n, length)."""
        return read_usable(uri, self.length, IMAGE_COLUMNS, self.column)

    def draw_images(self, most: int, seed: int) -> tuple[list[ListedFile], np.ndarray]:
        """Draw images evenly from the whole table, by path; the same seed draws the same images.

        Args:
            most: how many; fewer where they would take more than 128 MiB.

        Returns:
            The images, by path, and their vectors as (n, length) float32.
        """
        quota = max(1, min(most, MAX_DRAWN_BYTES // (4 * self.length)))
        sample = Sample[tuple[ListedFile, np.ndarray]]({"": quota}, seed)
        for uri in self.parts:
            for batch, rows in self.rows(uri):
                for image, row in zip(listed_files(batch), rows.astype(np.float32), strict=True):
                    sample.offer("", image.path, (image, row))
        images, taken = zip(*sample.items(), strict=True)
        return list(images), np.stack(taken)


def directions(rows: np.ndarray) -> np.ndarray:
    """Scale rows of (n, d) to length 1, so that their products are cosines; a row of length 0 stays."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: np.ndarray = rows / np.where(lengths > 0, lengths, 1)
    return scaled
