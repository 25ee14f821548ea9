"""The tables of a run that a classifier can be trained on, and the reduction between them."""

import numpy as np

from spark_job.analyses.recognition.examples import Vectors
from spark_job.analyses.source_run import SourceRun
from spark_job.contract import run_layout as layout
from spark_job.errors import MisuseError
from spark_job.parquet_parts import part_uris
from spark_job.reduction.model import load_model
from spark_job.reduction.principal_components import Reduction
from spark_job.reduction.projection import ARRAY_COLUMN


def features_of(run: SourceRun) -> Vectors:
    """The features of a run.

    Raises:
        MisuseError: the run has none, because it found no images.
    """
    return _vectors(run, layout.FEATURES, "features", run.metrics["features"]["length"])


def components_of(run: SourceRun) -> Vectors:
    """The components of a run.

    Raises:
        MisuseError: the run has none, because it found no images.
    """
    return _vectors(run, layout.COMPONENTS, ARRAY_COLUMN, run.metrics["reduction"]["components"])


def _vectors(run: SourceRun, table: str, column: str, length: int | None) -> Vectors:
    parts = part_uris(run.table(table))
    if not parts or not length:
        raise MisuseError(f"{run.uri} holds no {table}: it found no images; name a run that did")
    return Vectors(parts, column, length)


def reduction_of(run: SourceRun) -> Reduction:
    """The PCA that made the components of a run."""
    fitted = run.folder.read_json(layout.FIT)
    ratio = np.asarray(fitted["explained_variance_ratio"])
    return load_model(run.table(layout.MODEL), fitted["images"], ratio)
