"""`python -m spark_job.python_daemon`, started by Spark."""

import gc
from contextlib import suppress
from zipimport import zipimporter

from pyspark.daemon import manager

import spark_job.features.table
import spark_job.reduction.tables  # noqa: F401 - what the workers need
from spark_job.errors import ExtractorError
from spark_job.extractors.frameworks import import_openvino

if __name__ == "__main__":
    with suppress(ExtractorError):  # it may be TensorFlow that is installed
        import_openvino()
    gc.freeze()  # after every task Spark collects garbage: not among all that was imported
    # Spark calls it in every task, and Python would read the contents of pyspark.zip anew each time.
    setattr(zipimporter, "invalidate_caches", lambda _: None)  # noqa: B010 - its types allow no assignment
    manager()  # type: ignore[no-untyped-call]
