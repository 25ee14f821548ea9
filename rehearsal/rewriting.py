"""Everything that the rehearsal changes in what a cluster was asked for, each change as a value to print."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spark_job.contract.node import NODE_FOLDER

Configurations = Mapping[str, Mapping[str, str]]

# Relative, it is each container's link to its own node's folder.
RELATIVE_NODE_FOLDER = NODE_FOLDER.lstrip("/")

# Two Python processes of a worker take 472 MiB, as measured; Spark asks for 384 MiB beside a heap.
HEAP_MIB = 512
JVM_NATIVE_MIB = 384
WORKER_MIB = 516
DRIVER_OVERHEAD_MIB = 704
# Holds a driver and an executor of one core.
NODE_MIB = 2688
NODE_CORES = 8  # YARN places containers by memory alone

# Why something is changed.
SMALL = "several nodes share this machine"
NO_HDFS = "there is no HDFS"
PLACE = "ports and folders of this machine"
NODE_PATHS = "each node has its own /opt"

SCHEMES = ("s3", "s3a", "s3n")
# Options of spark-submit without a value, and those that set memory.
FLAGS = {"--verbose", "-v", "--supervise", "--help", "-h", "--version"}
SHORT_FORMS = {"--executor-memory": "spark.executor.memory", "--driver-memory": "spark.driver.memory"}


@dataclass(frozen=True)
class Rewriting:
    """One change."""

    subject: str  # a classification and its key, or an argument
    requested: str | None  # None when the request left it to EMR
    given: str
    reason: str

    def __str__(self) -> str:
        requested = "EMR's own" if self.requested is None else repr(self.requested)
        return f"{self.subject}: {requested} -> {self.given!r} ({self.reason})"


@dataclass(frozen=True)
class EmulatedAws:
    """The AWS that clusters talk to."""

    endpoint: str  # `http://127.0.0.1:PORT`
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    # URL below which CLUSTER/NODE has its metadata service; None: nodes have the keys themselves.
    metadata: str | None = field(default=None, repr=False)

    def node_environment(self, cluster_id: str, node: str) -> dict[str, str]:
        """Return how every program of a node comes to credentials, as environment variables; no region."""
        if self.metadata is None:
            return {
                "AWS_ENDPOINT_URL": self.endpoint,
                "AWS_ACCESS_KEY_ID": self.access_key_id,
                "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
                "AWS_EC2_METADATA_DISABLED": "true",
            }
        service = f"{self.metadata}/{cluster_id}/{node}"
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            # Of AWS's own libraries, and of obstore.
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": service,
            "AWS_METADATA_ENDPOINT": service,
            # In seconds: this machine may be busy.
            "AWS_METADATA_SERVICE_TIMEOUT": "10",
            "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "3",
        }


def spark_memory(executor_cores: int) -> dict[str, str]:
    """Return the memory settings of a driver and of an executor with so many cores."""
    return {
        "spark.executor.memory": f"{HEAP_MIB}m",
        "spark.executor.memoryOverhead": f"{JVM_NATIVE_MIB + executor_cores * WORKER_MIB}m",
        "spark.driver.memory": f"{HEAP_MIB}m",
        "spark.driver.memoryOverhead": f"{DRIVER_OVERHEAD_MIB}m",
    }


def rewrite_configurations(
    requested: Configurations, *, aws: EmulatedAws, place: Configurations, shared: Path
) -> tuple[dict[str, dict[str, str]], list[Rewriting]]:
    """Return the configurations that a node really gets, and what differs from those requested.

    `place` has ports and folders of the node; `shared` stands for HDFS.
    """
    given: dict[str, dict[str, str]] = {}
    changes = []
    for name, properties in requested.items():
        given[name] = {}
        for key, value in properties.items():
            after = _replace(value, shared)
            if "JAVA_HOME" in key:
                changes.append(Rewriting(f"{name} {key}", value, "", "Java of this machine"))
                continue
            if after != value:
                changes.append(Rewriting(f"{name} {key}", value, after, NODE_PATHS))
            given[name][key] = after
    folders = {"eventLog.dir": "spark-events", "yarn.stagingDir": "staging"}
    without_hdfs: Configurations = {
        "core-site": {"fs.defaultFS": "file:///"},
        "spark-defaults": {f"spark.{key}": f"file://{shared}/{folder}" for key, folder in folders.items()},
    }
    rules = [(_SIZES, SMALL), (_s3(aws), "S3 is on this machine"), (without_hdfs, NO_HDFS)]
    rules += [(_WITHOUT_SHUFFLE_SERVICE, "EMR's external shuffle service is not to be had"), (place, PLACE)]
    for rule, reason in rules:
        for name, properties in rule.items():
            for key, value in properties.items():
                before = requested.get(name, {}).get(key)
                given.setdefault(name, {})[key] = value
                if before != value and (before is not None or reason is not PLACE):
                    changes.append(Rewriting(f"{name} {key}", before, value, reason))
    return given, changes


def rewrite_arguments(arguments: Sequence[str], shared: Path) -> tuple[list[str], list[Rewriting]]:
    """Return a step's or bootstrap action's arguments, and what differs from those requested."""
    given = [_replace(argument, shared) for argument in arguments]
    changes = [
        Rewriting("argument", before, after, NODE_PATHS if NODE_FOLDER in before else NO_HDFS)
        for before, after in zip(arguments, given, strict=True)
        if before != after
    ]
    if given and Path(given[0]).name == "spark-submit":
        changes += _shrink_memory(given)
    return given, changes


def _replace(text: str, shared: Path) -> str:
    return text.replace(NODE_FOLDER, RELATIVE_NODE_FOLDER).replace("hdfs:///", f"file://{shared}/")


_SIZES: Configurations = {
    "spark-defaults": {"spark.executor.cores": "1", "spark.driver.cores": "1", **spark_memory(1)},
    "yarn-site": {
        "yarn.nodemanager.resource.memory-mb": str(NODE_MIB),
        "yarn.nodemanager.resource.cpu-vcores": str(NODE_CORES),
        "yarn.scheduler.minimum-allocation-mb": "32",
        "yarn.scheduler.maximum-allocation-mb": str(NODE_MIB),
        # Small sizes are for placing containers; what they really use is this machine's matter.
        "yarn.nodemanager.pmem-check-enabled": "false",
        "yarn.nodemanager.vmem-check-enabled": "false",
        "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "99",
    },
}
_WITHOUT_SHUFFLE_SERVICE: Configurations = {
    "spark-defaults": {
        "spark.shuffle.service.enabled": "false",
        "spark.dynamicAllocation.shuffleTracking.enabled": "true",
    }
}


def _s3(aws: EmulatedAws) -> Configurations:
    s3a = "org.apache.hadoop.fs.s3a"
    return {
        "core-site": {
            **{f"fs.{scheme}.impl": f"{s3a}.S3AFileSystem" for scheme in SCHEMES},
            **{f"fs.AbstractFileSystem.{scheme}.impl": f"{s3a}.S3A" for scheme in SCHEMES},
            "fs.s3a.endpoint": aws.endpoint,
            "fs.s3a.endpoint.region": aws.region,
            "fs.s3a.path.style.access": "true",
            "fs.s3a.connection.ssl.enabled": "false",
            "fs.s3a.aws.credentials.provider": (
                f"{s3a}.auth.IAMInstanceCredentialsProvider"
                if aws.metadata
                else "com.amazonaws.auth.EnvironmentVariableCredentialsProvider"
            ),
        }
    }


def _shrink_memory(arguments: list[str]) -> list[Rewriting]:
    """Change spark-submit's memory options in place."""
    cores = re.search(r"(?:spark\.executor\.cores=|--executor-cores[= ])(\d+)", " ".join(arguments))
    small = spark_memory(int(cores[1]) if cores else 1)
    changes = []
    option = ""  # whose value comes next
    for position, before in enumerate(arguments[1:], 1):
        if not option and not before.startswith("-"):
            break  # the program's own name: what follows is not Spark's
        # KEY=VALUE, --conf=KEY=VALUE or --OPTION=VALUE; else the option stands before its value.
        name = re.match(r"(?:(?:--conf|-c)=)?(spark\.[\w.]+|--[a-z-]+)=", before)
        key = name[1] if name else option
        option = "" if option or before in FLAGS or "=" in before else before
        if memory := small.get(SHORT_FORMS.get(key, key)):
            arguments[position] = f"{name[0]}{memory}" if name else memory
            if arguments[position] != before:
                changes.append(Rewriting("argument", before, arguments[position], SMALL))
    return changes
