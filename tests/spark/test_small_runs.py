"""What a run costs beside its images: nothing is imported, started or read that it does not need."""

import sys

from spark_job.session import open_session
from tests.spark import photographs
from tests.spark.runs import run


def test_workers_import_neither_pandas_nor_what_the_report_needs(tmp_path, tiny_extractor, monkeypatch):
    """Each would cost every worker most of a second; also where features are reused."""
    images = photographs.write_archive(tmp_path / "images", {"a": 4, "b": 2})
    spark = open_session("spark_job").sparkContext
    monkeypatch.setitem(spark.environment, "WORKERS_OF", "this test alone")
    run(images, tmp_path / "results", tiny_extractor, "0")
    (images / "a" / "000.jpg").unlink()
    found = run(images, tmp_path / "results", tiny_extractor, "1", previous="latest", removed="keep")
    assert found.metrics["images"]["kept"] == 1
    imported = spark.parallelize(range(8), 8).map(lambda _: set(sys.modules)).reduce(set.union)
    assert "spark_job.features.reuse" in imported
    assert not imported & {"pandas", "matplotlib", "jinja2", "spark_job.pipeline"}
