"""Spark's Java classes, archived once (by `make setup`): a session then starts in half the time.

Java checks that the archive fits, or does without
(https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html).
"""

import subprocess
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from spark_job.session import CLASS_ARCHIVE, java_word, local_configuration, prepare_environment


def make_archive(java_home: Path) -> None:
    """Start Spark, run something, and keep the classes that it loaded."""
    if not (java_home / "lib/server/classes.jsa").exists():  # Java's own, which PyPI's Java comes without
        subprocess.run([java_home / "bin/java", "-Xshare:dump"], capture_output=True, check=False)
    CLASS_ARCHIVE.unlink(missing_ok=True)
    unfinished = CLASS_ARCHIVE.with_suffix(".unfinished")
    configuration = local_configuration()
    archiving = java_word(f"-XX:ArchiveClassesAtExit={unfinished}")
    configuration["spark.driver.extraJavaOptions"] += f" {archiving} -Xlog:disable"
    spark = SparkSession.builder.config(map=dict(configuration)).getOrCreate().sparkContext
    spark.parallelize([1, 2], 2).map(lambda _: bytes(8_000_000)).treeReduce(lambda one, _: one)
    spark.broadcast([1]).destroy()
    spark.addFile(__file__)
    gateway: Any = spark._gateway
    java = gateway.proc
    spark.stop()
    gateway.shutdown()
    java.stdin.close()  # Java ends, and writes the archive
    java.wait(timeout=120)
    if unfinished.is_file():
        unfinished.rename(CLASS_ARCHIVE)


if __name__ == "__main__":
    make_archive(prepare_environment())
