"""Contender (c): what the usual notebook does, with its own preparation and Keras.

It is treated kindly: one partition a core, so that each core loads the network once, where notebooks
repartition to 20 or more and load it again for each.
"""

import io
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
from PIL import Image
from pyspark import Broadcast
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name everyone uses

from benchmarks.peers.assignment import Assignment, core_count
from spark_job.contract.java import find_java_home

RECORDS_PER_BATCH = 1024  # as the notebooks set it; Spark's own 10,000 needs gigabytes for the stacked images


def prepare(content: bytes) -> np.ndarray:
    """Return a photograph as the network takes it, (224, 224, 3) float32 in -1..1."""
    from keras.applications.mobilenet_v2 import preprocess_input
    from keras.utils import img_to_array

    image = Image.open(io.BytesIO(content)).convert("RGB").resize((224, 224))
    return np.asarray(preprocess_input(img_to_array(image)))


def featurize(broadcast: "Broadcast[list[np.ndarray]]") -> Any:
    """Return the pandas UDF: it fills the network with the driver's weights once for each partition."""

    @F.pandas_udf("array<float>")  # type: ignore[untyped-decorator, call-overload]
    def udf(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        from keras.applications.mobilenet_v2 import MobileNetV2

        network = MobileNetV2(weights=None, include_top=False, pooling="avg", input_shape=(224, 224, 3))
        network.set_weights(broadcast.value)
        for contents in batches:
            features = network.predict(np.stack(contents.map(prepare)), verbose=0)
            yield pd.Series(list(features))

    return udf


def main() -> None:
    """Write the features: binaryFile → pandas UDF → Parquet."""
    assignment = Assignment.from_arguments()
    os.environ["JAVA_HOME"] = find_java_home()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = (
        SparkSession.builder.appName("notebook")
        .master("local[*]")
        .config("spark.driver.memory", "2g")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", str(RECORDS_PER_BATCH))
        .getOrCreate()
    )
    import keras

    weights = keras.models.load_model(assignment.extractor / "network.keras", compile=False).get_weights()
    images = (
        spark.read.format("binaryFile")
        .option("recursiveFileLookup", "true")
        .load(str(assignment.images))
        .withColumn("label", F.element_at(F.split("path", "/"), -2))
        .repartition(core_count())
    )
    features = featurize(spark.sparkContext.broadcast(weights))
    table = images.select("path", "label", features("content").alias("features"))
    table.write.mode("overwrite").parquet(str(assignment.out / "features"))


if __name__ == "__main__":
    main()
