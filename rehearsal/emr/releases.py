"""The releases of EMR 7, the applications in them, and what is a release at all.

Source: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-release-components.html, noted without the
live page at hand. The versions of applications are left out of answers.
"""

import re

# The latest first; infra offers only such.
RELEASES = tuple(f"emr-7.{minor}.0" for minor in range(13, -1, -1))
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
