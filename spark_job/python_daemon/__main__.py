"""`python -m spark_job.python_daemon`, started by Spark."""

from contextlib import suppress

from pyspark.daemon import manager

import spark_job.features.table
import spark_job.reduction.tables  # noqa: F401 - what the workers need
from spark_job.errors import ExtractorError
from spark_job.extractors.frameworks import import_openvino

if __name__ == "__main__":
    with suppress(ExtractorError):  # it may be TensorFlow that is installed
        import_openvino()
    manager()  # type: ignore[no-untyped-call]
