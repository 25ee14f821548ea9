"""Contender (f): principal components of the same features by this job, MLlib and scikit-learn.

Each runs in a process of its own; only the fit is timed, for the other two on features that are in memory
already.
"""

import json
import os
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spark_job.arrow_tables import vectors

COLUMNS = (1_280, 2_048)
COMPONENTS = 100
LATENT_FACTORS = 300
FILES = 8

Fit = Callable[[], np.ndarray]


def write_features(rows: int, columns: int, folder: Path) -> Path:
    """Write features like those of a pooled network: not negative, correlated, of very unequal variance."""
    randomness = np.random.default_rng(columns)
    mixing = randomness.normal(size=(LATENT_FACTORS, columns)).astype(np.float32)
    mixing *= np.geomspace(1, 0.02, LATENT_FACTORS, dtype=np.float32)[:, None]
    scale = randomness.lognormal(0, 1, columns).astype(np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    for number, share in enumerate(np.array_split(np.arange(rows), FILES)):
        latent = randomness.normal(size=(len(share), LATENT_FACTORS)).astype(np.float32)
        noise = 0.1 * randomness.normal(size=(len(share), columns)).astype(np.float32)
        values = scale * np.maximum(latent @ mixing + noise + 1, 0)
        table = pa.table({"features": vectors(values, np.float32)})
        pq.write_table(table, folder / f"{number}.parquet", use_dictionary=False)
    return folder


def this_job(features: Path) -> Fit:
    """Return the job's own fit, which reads the files itself, within the time."""
    from spark_job.arrow_tables import part_uris
    from spark_job.contract.run_options import ComponentRequest
    from spark_job.reduction.tables import fit
    from spark_job.session import open_session
    from spark_job.storage import Folder

    parts = part_uris(Folder(str(features)))
    tables = [pq.ParquetFile(part) for part in parts]
    rows = sum(table.metadata.num_rows for table in tables)
    columns = len(next(tables[0].iter_batches(1))["features"][0])
    spark = open_session("benchmark").sparkContext
    spark.parallelize([0], 1).count()  # as the others, it starts with a session that has run something
    request = ComponentRequest(None, COMPONENTS)
    return lambda: fit(spark, parts, rows, columns, request).explained_variance_ratio[:COMPONENTS]


def mllib(features: Path) -> Fit:
    """Return the fit of MLlib's StandardScaler and PCA, as a Pipeline, of features in Spark's memory.

    It does not use the job's session, whose Java compiler would slow MLlib.
    """
    from pyspark.ml import Pipeline
    from pyspark.ml.feature import PCA, StandardScaler
    from pyspark.ml.functions import array_to_vector
    from pyspark.sql import SparkSession

    from spark_job.contract.java import find_java_home
    from spark_job.session import local_configuration

    os.environ["JAVA_HOME"] = find_java_home()
    configuration = local_configuration()
    del configuration["spark.driver.extraJavaOptions"]
    session = SparkSession.builder.config(map=dict(configuration)).getOrCreate()
    table = session.read.parquet(str(features)).cache()
    table.count()
    vectors = table.select(array_to_vector(table["features"]).alias("vectors"))
    scaler = StandardScaler(withMean=True, withStd=True, inputCol="vectors", outputCol="scaled")
    pipeline = Pipeline(stages=[scaler, PCA(k=COMPONENTS, inputCol="scaled", outputCol="components")])

    def fit() -> np.ndarray:
        model: Any = pipeline.fit(vectors).stages[-1]
        return np.asarray(model.explainedVariance.toArray())

    return fit


def scikit_learn(features: Path) -> Fit:
    """Return the fit of scikit-learn's StandardScaler and PCA by the covariance, on all cores."""
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    column = pq.read_table(features)["features"].combine_chunks()
    matrix = np.asarray(pc.list_flatten(column), np.float64).reshape(len(column), -1)
    pipeline = make_pipeline(StandardScaler(), PCA(COMPONENTS, svd_solver="covariance_eigh"))
    return lambda: np.asarray(pipeline.fit(matrix)[-1].explained_variance_ratio_)


METHODS = {method.__name__: method for method in (this_job, mllib, scikit_learn)}


def main() -> None:
    """Fit once, and leave the seconds and the explained variance."""
    parser = ArgumentParser()
    parser.add_argument("--method", choices=METHODS, required=True)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--facts", type=Path, required=True)
    arguments = parser.parse_args()
    fit = METHODS[arguments.method](arguments.features)
    started = time.monotonic()
    ratio = fit()
    facts = {"fit_seconds": time.monotonic() - started, "explained_variance_ratio": ratio.tolist()}
    arguments.facts.write_text(json.dumps(facts), encoding="utf-8")


if __name__ == "__main__":
    main()
