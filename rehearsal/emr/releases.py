"""The releases of EMR 7, the applications in them, and what is a release at all.

Source: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-release-components.html, noted without the
live page at hand. The versions of other applications are left out of answers.
"""

import re

# Release to its versions of Hadoop and Spark, the latest first; infra offers only such.
RELEASES = {
    "emr-7.13.0": ("3.4.2", "3.5.6"),
    "emr-7.12.0": ("3.4.1", "3.5.6"),
    "emr-7.11.0": ("3.4.1", "3.5.6"),
    "emr-7.10.0": ("3.4.1", "3.5.5"),
    "emr-7.9.0": ("3.4.1", "3.5.5"),
    "emr-7.8.0": ("3.4.1", "3.5.4"),
    "emr-7.7.0": ("3.4.0", "3.5.3"),
    "emr-7.6.0": ("3.4.0", "3.5.3"),
    "emr-7.5.0": ("3.4.0", "3.5.2"),
    "emr-7.4.0": ("3.4.0", "3.5.2"),
    "emr-7.3.0": ("3.3.6", "3.5.1"),
    "emr-7.2.0": ("3.3.6", "3.5.1"),
    "emr-7.1.0": ("3.3.6", "3.5.0"),
    "emr-7.0.0": ("3.3.6", "3.5.0"),
}
# Applications that need YARN on the cluster.
YARN_APPLICATIONS = {
    *("hadoop", "spark", "hive", "pig", "flink", "hbase", "hcatalog", "hue", "livy", "oozie", "phoenix"),
    *("sqoop", "tez", "zeppelin", "jupyterhub", "jupyterenterprisegateway", "mahout", "tensorflow", "mxnet"),
}
APPLICATIONS = {
    *YARN_APPLICATIONS,
    *("ganglia", "presto", "prestodb", "prestosql", "trino", "zookeeper", "delta", "iceberg", "hudi"),
    *("amazoncloudwatchagent", "s3distcp", "icehouse", "impala", "sentry", "jupyter"),
}


def is_release(label: str) -> bool:
    """Return whether a label is of EMR 4 to 7; the list above need not have it."""
    return re.fullmatch(r"emr-[4-7]\.\d+\.\d+(-\w+)?", label) is not None


def release_number(label: str) -> tuple[int, int]:
    """Return the major and the minor number of a release label."""
    major, minor = label.removeprefix("emr-").split(".")[:2]
    return int(major), int(minor)


def application_version(label: str, name: str) -> str | None:
    """Return the version of an application in a release, None where it is not known."""
    hadoop, spark = RELEASES.get(label, (None, None))
    return {"hadoop": hadoop, "spark": spark}.get(name.lower())
