"""Everything that the rehearsal changes in what a cluster was asked for, each change as a value to print."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spark_job.contract.node import NODE_FOLDER

Configurations = Mapping[str, Mapping[str, str]]

# Relative, it is each container's link to its own node's folder.
RELATIVE_NODE_FOLDER = NODE_FOLDER.lstrip("/")

# Two Python processes of a worker take 472 MiB (docs/benchmarks.md), Spark asks for 384 MiB beside a heap.
HEAP_MIB = 512
JVM_NATIVE_MIB = 384
WORKER_MIB = 516
DRIVER_OVERHEAD_MIB = 704
# Holds a driver and an executor of one core.
NODE_MIB = 2688
NODE_CORES = 8  # YARN places containers by memory alone

SMALL = "several nodes share this machine"
ENDPOINT = "S3 is on this machine"
NO_HDFS = "there is no HDFS"
PLACE = "ports and folders of this machine"
NO_SHUFFLE_SERVICE = "EMR's external shuffle service is not to be had"
NODE_PATHS = "each node has its own /opt"
OWN_JAVA = "Java of this machine"

SCHEMES = ("s3", "s3a", "s3n")
FLAGS = {"--verbose", "-v", "--supervise", "--help", "-h", "--version"}
SHORT_FORMS = {"--executor-memory": "spark.executor.memory", "--driver-memory": "spark.driver.memory"}


@dataclass(frozen=True)
class Rewriting:
    """One change.

    Attributes:
        subject: A classification and its key, or an argument.
        asked: None when the request left it to EMR.
    """

    subject: str
    asked: str | None
    given: str
    reason: str

    def __str__(self) -> str:
        asked = "EMR's own" if self.asked is None else repr(self.asked)
        return f"{self.subject}: {asked} -> {self.given!r} ({self.reason})"


@dataclass(frozen=True)
class EmulatedAws:
    """The AWS that clusters talk to.

    Attributes:
        endpoint: `http://127.0.0.1:PORT`.
    """

    endpoint: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)

    @property
    def credentials(self) -> dict[str, str]:
        """What a node's instance role gives to every program, as environment variables; no region."""
        token = {"AWS_SESSION_TOKEN": self.session_token} if self.session_token else {}
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_EC2_METADATA_DISABLED": "true",
            **token,
        }


def executor_mib(cores: int) -> tuple[int, int]:
    """Heap and overhead of an executor, in MiB."""
    return HEAP_MIB, JVM_NATIVE_MIB + cores * WORKER_MIB


def rewrite_configurations(
    asked: Configurations, *, aws: EmulatedAws, place: Configurations, shared: Path
) -> tuple[dict[str, dict[str, str]], list[Rewriting]]:
    """The configurations that a node really gets, and what differs from those asked for.

    Args:
        place: Ports and folders of the node, by classification.
        shared: The cluster's folder that stands for HDFS.
    """
    given = {name: dict(properties) for name, properties in asked.items()}
    changes = _replace_paths(given, shared)
    rules = [(_sizes(), SMALL), (_s3(aws), ENDPOINT), (_without_hdfs(shared), NO_HDFS)]
    rules += [(_without_shuffle_service(), NO_SHUFFLE_SERVICE), (place, PLACE)]
    for wanted, reason in rules:
        for name, properties in wanted.items():
            for key, value in properties.items():
                before = asked.get(name, {}).get(key)
                given.setdefault(name, {})[key] = value
                if before != value and (before is not None or reason is not PLACE):
                    changes.append(Rewriting(f"{name} {key}", before, value, reason))
    return given, changes


def rewrite_arguments(arguments: Sequence[str], shared: Path) -> tuple[list[str], list[Rewriting]]:
    """A step's or bootstrap action's arguments; the memory that spark-submit is asked for among them."""
    given = [_replace(argument, shared) for argument in arguments]
    changes = [
        Rewriting("argument", before, after, NODE_PATHS if NODE_FOLDER in before else NO_HDFS)
        for before, after in zip(arguments, given, strict=True)
        if before != after
    ]
    if given and Path(given[0]).name == "spark-submit":
        changes += _shrink(given)
    return given, changes


def _replace_paths(given: dict[str, dict[str, str]], shared: Path) -> list[Rewriting]:
    changes = []
    for name, properties in given.items():
        for key, value in list(properties.items()):
            if "JAVA_HOME" in key:
                del properties[key]
                changes.append(Rewriting(f"{name} {key}", value, "", OWN_JAVA))
            elif (after := _replace(value, shared)) != value:
                properties[key] = after
                changes.append(Rewriting(f"{name} {key}", value, after, NODE_PATHS))
    return changes


def _replace(text: str, shared: Path) -> str:
    return text.replace(NODE_FOLDER, RELATIVE_NODE_FOLDER).replace("hdfs:///", f"file://{shared}/")


def _sizes() -> Configurations:
    heap, overhead = executor_mib(1)
    return {
        "spark-defaults": {
            "spark.executor.cores": "1",
            "spark.executor.memory": f"{heap}m",
            "spark.executor.memoryOverhead": f"{overhead}m",
            "spark.driver.cores": "1",
            "spark.driver.memory": f"{HEAP_MIB}m",
            "spark.driver.memoryOverhead": f"{DRIVER_OVERHEAD_MIB}m",
        },
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


def _s3(aws: EmulatedAws) -> Configurations:
    file_systems = {
        key: value
        for scheme in SCHEMES
        for key, value in (
            (f"fs.{scheme}.impl", "org.apache.hadoop.fs.s3a.S3AFileSystem"),
            (f"fs.AbstractFileSystem.{scheme}.impl", "org.apache.hadoop.fs.s3a.S3A"),
        )
    }
    return {
        "core-site": {
            **file_systems,
            "fs.s3a.endpoint": aws.endpoint,
            "fs.s3a.endpoint.region": aws.region,
            "fs.s3a.path.style.access": "true",
            "fs.s3a.connection.ssl.enabled": "false",
            "fs.s3a.aws.credentials.provider": "com.amazonaws.auth.EnvironmentVariableCredentialsProvider",
        }
    }


def _without_hdfs(shared: Path) -> Configurations:
    return {
        "core-site": {"fs.defaultFS": "file:///"},
        "spark-defaults": {
            "spark.eventLog.dir": f"file://{shared}/spark-events",
            "spark.yarn.stagingDir": f"file://{shared}/staging",
        },
    }


def _without_shuffle_service() -> Configurations:
    return {
        "spark-defaults": {
            "spark.shuffle.service.enabled": "false",
            "spark.dynamicAllocation.shuffleTracking.enabled": "true",
        }
    }


def _shrink(arguments: list[str]) -> list[Rewriting]:
    """Change the memory options in place; what follows the program's own name is not Spark's."""
    changes = []
    for position in _option_positions(arguments):
        found = re.fullmatch(r"((?:--conf=|-c=)?)(spark\.[\w.]+|--[a-z-]+)=(.*)", arguments[position])
        before = arguments[position - 1]
        key = found[2] if found else SHORT_FORMS.get(before)
        small = _small_memory(SHORT_FORMS.get(key or "", key or ""), _cores(arguments))
        if small is None:
            continue
        after = f"{found[1]}{found[2]}={small}" if found else small
        if after != arguments[position]:
            changes.append(Rewriting("argument", arguments[position], after, SMALL))
            arguments[position] = after
    return changes


def _option_positions(arguments: Sequence[str]) -> list[int]:
    """Where the values of spark-submit's own options stand."""
    positions, at = [], 1
    while at < len(arguments) and arguments[at].startswith("-"):
        if arguments[at] not in FLAGS and "=" not in arguments[at]:
            at += 1
        positions.append(at)
        at += 1
    return [position for position in positions if position < len(arguments)]


def _cores(arguments: Sequence[str]) -> int:
    found = re.search(r"(?:spark\.executor\.cores=|--executor-cores[= ])(\d+)", " ".join(arguments))
    return int(found[1]) if found else 1


def _small_memory(key: str, cores: int) -> str | None:
    heap, overhead = executor_mib(cores)
    return {
        "spark.executor.memory": f"{heap}m",
        "spark.executor.memoryOverhead": f"{overhead}m",
        "spark.driver.memory": f"{HEAP_MIB}m",
        "spark.driver.memoryOverhead": f"{DRIVER_OVERHEAD_MIB}m",
    }.get(key)
