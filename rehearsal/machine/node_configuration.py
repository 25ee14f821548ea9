"""What EMR itself would set on a node, and where the node's daemons find their ports and folders."""

from collections.abc import Sequence

from rehearsal.emr.compute import Node
from rehearsal.machine.folders import NodeFolders
from rehearsal.machine.jars import SPARK_HOME
from rehearsal.processes import MARK, OWNER
from rehearsal.rewriting import Configurations
from rehearsal.settings import LOOPBACK

LABEL = "CORE"
# What containers inherit from their NodeManager: what an instance gives to every program on it.
INHERITED = (
    *("JAVA_HOME", "PATH", "TMPDIR", MARK, OWNER, "SPARK_LOCAL_IP", "AWS_ENDPOINT_URL"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"),
    *("AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_METADATA_ENDPOINT"),
    *("AWS_METADATA_SERVICE_TIMEOUT", "AWS_METADATA_SERVICE_NUM_ATTEMPTS"),
)
# Where the cluster's ResourceManager listens, each on a port of the loopback interface; the first is the web.
MANAGER_ADDRESSES = (
    "yarn.resourcemanager.webapp.address",
    "yarn.resourcemanager.address",
    "yarn.resourcemanager.scheduler.address",
    "yarn.resourcemanager.resource-tracker.address",
    "yarn.resourcemanager.admin.address",
)


def emr_defaults() -> Configurations:
    """Return settings that a cluster's configurations may override, as EMR has its own."""
    return {
        "spark-defaults": {
            "spark.master": "yarn",
            "spark.eventLog.enabled": "true",
            "spark.dynamicAllocation.enabled": "true",
            "spark.yarn.scheduler.heartbeat.interval-ms": "500",
        },
        "capacity-scheduler": {
            "yarn.scheduler.capacity.root.queues": "default",
            "yarn.scheduler.capacity.root.default.capacity": "100",
            # Hadoop's own, which EMR leaves: the first master of a label always starts, a second may wait.
            "yarn.scheduler.capacity.maximum-am-resource-percent": "0.1",
            "yarn.scheduler.capacity.root.accessible-node-labels": "*",
            f"yarn.scheduler.capacity.root.accessible-node-labels.{LABEL}.capacity": "100",
            f"yarn.scheduler.capacity.root.default.accessible-node-labels.{LABEL}.capacity": "100",
        },
        "yarn-site": {
            "yarn.node-labels.configuration-type": "distributed",
            "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": "200",
            "yarn.resourcemanager.nm.liveness-monitor.interval-ms": "1000",
            # A node that is silent for so long is lost; on a busy machine a daemon may rest for ten seconds.
            "yarn.nm.liveness-monitor.expiry-interval-ms": "20000",
            # A driver registers when its Spark is up: on a busy machine that takes its time.
            "yarn.am.liveness-monitor.expiry-interval-ms": "120000",
            "yarn.nodemanager.sleep-delay-before-sigkill.ms": "250",
            # YARN's own is two minutes: as long as a whole run takes here.
            "yarn.nodemanager.disk-health-checker.interval-ms": "10000",
            "yarn.dispatcher.drain-events.timeout": "5000",
            "yarn.resourcemanager.am.max-attempts": "2",
        },
    }


def place(node: Node, folders: NodeFolders, manager_ports: Sequence[int], node_port: int) -> Configurations:
    """Return the settings for the node's own ports and folders."""
    addresses = {
        **dict(zip(MANAGER_ADDRESSES, manager_ports, strict=True)),
        "yarn.nodemanager.address": node_port,
        "yarn.nodemanager.localizer.address": 0,
        "yarn.nodemanager.webapp.address": 0,
    }
    label = {
        "yarn.nodemanager.node-labels.provider": "config",
        "yarn.nodemanager.node-labels.provider.configured-node-partition": LABEL,
    }
    return {
        "yarn-site": {
            **{key: f"{LOOPBACK}:{port}" for key, port in addresses.items()},
            **(label if node.role == "CORE" else {}),
            "yarn.nodemanager.local-dirs": str(folders.yarn_local),
            "yarn.nodemanager.log-dirs": str(folders.container_logs),
            "yarn.nodemanager.env-whitelist": ",".join(INHERITED),
            "yarn.node-labels.fs-store.root-dir": f"file://{folders.root}/node-labels",
        },
        "core-site": {"hadoop.tmp.dir": str(folders.tmp), "fs.s3a.buffer.dir": str(folders.tmp)},
        "spark-defaults": {
            "spark.yarn.jars": f"local:{SPARK_HOME}/jars/*",
            "spark.driver.bindAddress": LOOPBACK,
        },
    }
