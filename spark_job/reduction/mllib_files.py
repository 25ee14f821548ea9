"""The files of an MLlib model as Spark lays them out, written and read without Spark.

Layout: org.apache.spark.ml.util.DefaultParamsWriter, Spark 3.5 (docs/decisions/0008-tables.md).
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyspark

from spark_job.arrow_arrays import values
from spark_job.errors import StorageError
from spark_job.parquet_parts import part_uris, read_part, write_part
from spark_job.storage import Folder

METADATA = "metadata/part-00000"


def write_metadata(folder: Folder, name: str, uid: str, parameters: dict[str, Any]) -> None:
    """Which class of `org.apache.spark.ml` the model is, and its parameters."""
    metadata = {
        "class": f"org.apache.spark.ml.{name}",
        "timestamp": time.time_ns() // 1_000_000,
        "sparkVersion": pyspark.__version__,
        "uid": uid,
        "paramMap": parameters,
        "defaultParamMap": {},
    }
    folder.write(METADATA, (json.dumps(metadata) + "\n").encode())


def read_parameters(folder: Folder) -> dict[str, Any]:
    """Return the parameters of a model.

    Raises:
        StorageError: there is no such model.
    """
    content = folder.read(METADATA)
    if content is None:
        raise StorageError(f"{folder.uri} holds no model")
    parameters: dict[str, Any] = json.loads(content)["paramMap"]
    return parameters


def write_data(folder: Folder, columns: Sequence[pa.Array[Any]], schema: pa.Schema) -> None:
    """Write the one row of a model's numbers."""
    row = pa.RecordBatch.from_arrays(list(columns), schema=schema)
    write_part(folder.at("data"), 0, [row], schema)


def read_data(folder: Folder, schema: pa.Schema) -> dict[str, Any]:
    """Return the one row of a model's numbers, by column.

    Raises:
        StorageError: there is no such model.
    """
    parts = part_uris(folder.at("data"))
    if not parts:
        raise StorageError(f"{folder.uri} holds no model")
    row = next(read_part(parts[0], schema.names))
    return {name: row.column(name) for name in schema.names}


def doubles(vectors: pa.Array[Any]) -> np.ndarray:
    """Return the numbers of lists, one after the other, as float64 that may be written."""
    return values(pc.list_flatten(vectors)).copy()
