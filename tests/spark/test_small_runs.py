"""What a run costs beside its images: nothing is imported, started or read that it does not need."""

import re
import sys
from typing import Any

from spark_job.features import reuse
from spark_job.pipeline.run import summary
from spark_job.session import open_session
from tests.spark import photographs
from tests.spark.runs import run, run_options


def test_workers_import_neither_pandas_nor_what_the_report_needs(tmp_path, tiny_extractor, monkeypatch):
    """Each would cost every worker most of a second; also where features are reused.

    What tasks find is what the driver finds where there are few images. The last lines of a run say where its
    time went.
    """
    images, results = photographs.write_archive(tmp_path / "images", {"a": 4, "b": 2}), tmp_path / "results"
    spark = open_session("spark_job").sparkContext
    monkeypatch.setitem(spark.environment, "WORKERS_OF", "this test alone")
    run(images, results, tiny_extractor, "0")
    (images / "a" / "000.jpg").unlink()
    again: dict[str, Any] = {"removed": "keep", "retention_days": 9}
    found = run(images, results, tiny_extractor, "1", previous="latest", **again)
    assert found.metrics["images"]["kept"] == 1
    monkeypatch.setattr(reuse, "ROWS_PER_BUCKET", 2)
    by_tasks = run(images, results, tiny_extractor, "2", previous=str(results / "0"), **again)
    assert by_tasks.features == found.features
    imported = spark.parallelize(range(8), 8).map(lambda _: set(sys.modules)).reduce(set.union)
    assert "spark_job.features.reuse" in imported
    assert not imported & {"pandas", "matplotlib", "jinja2", "spark_job.pipeline"}
    stages = r"listing \d+\.\d, features \d+\.\d, reduction \d+\.\d, report \d+\.\d"
    assert re.search(
        rf"^time      \d+\.\d s \({stages}\)$",
        summary(run_options(images, results, tiny_extractor, "1")),
        re.M,
    )
