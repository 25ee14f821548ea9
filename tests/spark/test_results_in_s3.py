"""A run from S3 to S3, against moto: the same folder as on a disk."""

import json
import logging
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from urllib.parse import unquote

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from tests.spark import photographs
from tests.spark.processes import PROJECT
from tests.spark.runs import RunResults, run


@pytest.fixture(scope="module")
def server():
    """An S3 of this process."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=True)
    moto.start()
    yield "http://{}:{}".format(*moto.get_host_and_port())
    moto.stop()


@pytest.fixture
def requests(server) -> Iterator[list[str]]:
    """What the server is asked for, as `GET /bucket/key`."""
    log, messages = logging.getLogger("werkzeug"), list[str]()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(unquote(record.getMessage()).partition('"')[2])

    handler = Handler()
    log.addHandler(handler)
    yield messages
    log.removeHandler(handler)


def test_a_run_in_s3_leaves_what_a_run_on_a_disk_does(server, tiny_extractor, tmp_path, requests):
    """Images, extractor and results in S3; tables, CSV files and model, but for paths, are the same."""
    bucket = boto3.resource("s3", endpoint_url=server).Bucket("everything")
    bucket.create(CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    images = photographs.write_archive(tmp_path / "images", {"a b": 5, "é#1": 4})
    (images / "a b" / "empty.jpg").touch()
    for folder, prefix in ((images, "images"), (tiny_extractor, "extractor")):
        for path in folder.rglob("*"):
            if path.is_file():
                bucket.upload_file(str(path), f"{prefix}/{path.relative_to(folder)}")
    options = [f"--{name}=s3://everything/{name}" for name in ("images", "extractor", "results")]
    command = [sys.executable, "-m", "spark_job", "run", *options, "--run-id=r", "--components=2"]
    environment = {**os.environ, "AWS_ENDPOINT_URL": server}
    for again in ([], ["--resume"]):  # the second finds the first complete
        subprocess.run([*command, *again], cwd=PROJECT, env=environment, check=True, timeout=240)
    read = Counter(one.split(" HTTP")[0] for one in requests if one.startswith("GET /everything/images/"))
    names_of_images = [path.relative_to(images).as_posix() for path in images.rglob("0*.jpg")]
    assert read == {f"GET /everything/images/{name}": 1 for name in names_of_images}
    for item in bucket.objects.filter(Prefix="results/r/"):
        target = tmp_path / item.key
        target.parent.mkdir(parents=True, exist_ok=True)
        bucket.download_file(item.key, str(target))
    found = RunResults(tmp_path / "results" / "r")
    expected = run(images, tmp_path / "local", tiny_extractor)
    assert names(found) == names(expected)
    assert found.metrics["images"] == expected.metrics["images"]
    assert [row["features"] for row in found.features] == [row["features"] for row in expected.features]
    found_, expected_ = [[row["components_array"] for row in one.components] for one in (found, expected)]
    np.testing.assert_allclose(found_, expected_, atol=1e-9)
    assert found.rejected == expected.rejected == {"empty.jpg": "the file is empty"}
    assert json.loads((found.folder / "manifest.json").read_text())["run_id"] == "r"
    bucket.Object("images/a b/000.jpg").delete()
    reuse = ["--previous=s3://everything/results/r", "--removed=keep", "--run-id=next"]
    subprocess.run([*command, *reuse], cwd=PROJECT, env=environment, check=True, timeout=240)
    answer = bucket.Object("results/next/metrics.json").get()["Body"].read()
    counts = json.loads(answer)["images"]
    assert [counts[name] for name in ("new", "reused", "removed", "kept")] == [1, 8, 1, 1]


def names(results: RunResults) -> set[str]:
    """The files of a run, by their path in it."""
    return {path.relative_to(results.folder).as_posix() for path in results.folder.rglob("*.*")}
