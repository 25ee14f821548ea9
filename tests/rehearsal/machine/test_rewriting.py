"""What a cluster is asked for and what it gets: every difference is told, and nothing else differs."""

from pathlib import Path

import pytest

from rehearsal.rewriting import (
    NODE_MIB,
    EmulatedAws,
    Rewriting,
    rewrite_arguments,
    rewrite_configurations,
    spark_memory,
)

AWS = EmulatedAws("http://127.0.0.1:4566", "eu-west-3", "fake", "secret")
SHARED = Path("/home/shared")


def rewrite(asked, place=None):
    return rewrite_configurations(asked, aws=AWS, place=place or {}, shared=SHARED)


def arguments(*given):
    return rewrite_arguments(given, SHARED)[0]


def test_settings_that_are_not_of_this_machine_stay_as_they_stand():
    """Of any classification."""
    asked = {"spark-defaults": {"spark.sql.shuffle.partitions": "7"}, "unknown": {"a": "b"}}
    given, _ = rewrite(asked)
    assert given["spark-defaults"]["spark.sql.shuffle.partitions"] == "7"
    assert given["unknown"] == {"a": "b"}


def test_a_changed_setting_tells_what_was_asked():
    """Before, after and why."""
    given, changes = rewrite({"spark-defaults": {"spark.executor.memory": "9g"}})
    assert given["spark-defaults"]["spark.executor.memory"] == "512m"
    told = [str(change) for change in changes if change.subject.endswith("spark.executor.memory")]
    assert told == ["spark-defaults spark.executor.memory: '9g' -> '512m' (several nodes share this machine)"]


def test_every_difference_is_told():
    """What is given beyond the request stands among the changes, but for ports and folders."""
    asked = {"spark-defaults": {"spark.executor.cores": "4", "spark.master": "yarn"}}
    given, changes = rewrite(asked)
    subjects = {change.subject for change in changes}
    different = {
        f"{name} {key}"
        for name, properties in given.items()
        for key, value in properties.items()
        if asked.get(name, {}).get(key) != value
    }
    assert different == subjects


def test_ports_are_told_only_when_the_request_named_them():
    """They mean nothing to a reader otherwise."""
    place = {"yarn-site": {"port": "50123", "folder": "/x"}}
    _, changes = rewrite({"yarn-site": {"port": "8088"}}, place)
    assert [change for change in changes if change.given in ("50123", "/x")] == [
        Rewriting("yarn-site port", "8088", "50123", "ports and folders of this machine")
    ]


def test_secrets_are_not_told():
    """Neither in a change nor in the description of the AWS."""
    _, changes = rewrite({})
    assert "secret" not in " ".join(map(str, changes)) + repr(AWS)


def test_driver_and_executor_fit_on_one_node():
    """A core node holds both."""
    given, _ = rewrite({})
    spark = given["spark-defaults"]
    assert {key: spark[key] for key in spark_memory(1)} == spark_memory(1)
    sizes = {key: int(value.removesuffix("m")) for key, value in spark_memory(1).items()}
    executor = sum(size for key, size in sizes.items() if "executor" in key)
    assert sum(sizes.values()) <= NODE_MIB < sum(sizes.values()) + executor


def test_paths_of_a_node_become_relative():
    """In arguments and settings alike; hdfs:/// is a folder of the cluster."""
    given, _ = rewrite({"spark-defaults": {"spark.pyspark.python": "/opt/fruit-features/venv/bin/python"}})
    assert given["spark-defaults"]["spark.pyspark.python"] == "opt/fruit-features/venv/bin/python"
    assert arguments("x", "--extractor=/opt/fruit-features/extractor", "hdfs:///a") == [
        "x",
        "--extractor=opt/fruit-features/extractor",
        "file:///home/shared/a",
    ]


def test_another_java_is_not_taken():
    """EMR's folders of Java are not on this machine."""
    given, changes = rewrite({"spark-env": {"JAVA_HOME": "/usr/lib/jvm/17", "A": "b"}})
    assert given["spark-env"] == {"A": "b"}
    assert "spark-env JAVA_HOME" in [change.subject for change in changes]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--executor-memory", "8g"], ["--executor-memory", "512m"]),
        (["--executor-memory=8g"], ["--executor-memory=512m"]),
        (["--conf", "spark.driver.memory=4g"], ["--conf", "spark.driver.memory=512m"]),
        (["--conf=spark.driver.memoryOverhead=2g"], ["--conf=spark.driver.memoryOverhead=704m"]),
        (
            ["--executor-cores=2", "--conf=spark.executor.memoryOverhead=4g"],
            ["--executor-cores=2", "--conf=spark.executor.memoryOverhead=1416m"],
        ),
        (["--verbose", "--name", "spark.driver.memory"], ["--verbose", "--name", "spark.driver.memory"]),
    ],
)
def test_memory_that_spark_submit_is_asked_for_becomes_small(given, expected):
    """In each way of writing it; cores stay, and overhead grows with them."""
    assert arguments("spark-submit", *given, "main.py") == ["spark-submit", *expected, "main.py"]


def test_the_programs_own_arguments_are_not_sparks():
    """After its name."""
    whole = ["spark-submit", "main.py", "--conf=spark.driver.memory=4g"]
    assert arguments(*whole) == whole
    assert arguments("bash", "--executor-memory=8g") == ["bash", "--executor-memory=8g"]
