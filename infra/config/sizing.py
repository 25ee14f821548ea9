"""How Spark uses a node: executors, their memory, and room for the driver beside them."""

from dataclasses import dataclass

from infra.config.instances import InstanceType
from spark_job.contract.node import DECODING_MIB

# Python worker with its decoder's process and the files in flight, MiB a core, beside the largest image.
# For MobileNetV2, tests/unit/test_memory.py measures it; the others are estimates that add their
# weights twice, since OpenVINO repacks them.
WORKER_MIB = {
    model: resting + DECODING_MIB
    for model, resting in {
        "mobilenet_v2": 500,
        "efficientnet_lite0": 500,
        "resnet50": 700,
        "vgg16": 1300,
        "raw_pixels": 400,
    }.items()
}
TENSORFLOW_MIB = 700  # the library itself, once a worker
# The program from which an executor forks its workers, with the libraries that they share; measured: 139.
DAEMON_MIB = 150
JVM_NATIVE_MIB = 384  # what Spark itself takes as the least overhead
LEAST_HEAP_MIB = 768
MOST_CORES = 4  # more share one heap and one JVM to no gain
DRIVER_HEAP_MIB = 2048
# The driver's Python peaks at 318 MiB; a reduction of wide features computes there, in 2.5 GB.
DRIVER_OVERHEAD_MIB = {"raw_pixels": 3584}
_USUAL_DRIVER_OVERHEAD_MIB = 1024
# yarn.scheduler.minimum-allocation-mb of EMR: YARN rounds a container up to a multiple of it.
ALLOCATION_MIB = 32


class NodeTooSmallError(ValueError):
    """Executors that use half of the node's cores do not fit beside the driver."""


@dataclass(frozen=True)
class SparkSizing:
    """Executors and driver on nodes of one size; all memory in MiB."""

    executor_cores: int
    executors_per_node: int
    executor_heap_mib: int
    executor_overhead_mib: int
    driver_heap_mib: int
    driver_overhead_mib: int

    @property
    def cores_per_node(self) -> int:
        """Cores of a node that work on images."""
        return self.executor_cores * self.executors_per_node

    @property
    def executor_mib(self) -> int:
        return self.executor_heap_mib + self.executor_overhead_mib

    def properties(self) -> dict[str, str]:
        """Return the properties for `spark-defaults`."""
        return {
            # EMR otherwise resizes executors on fleets of several types, away from these figures.
            "spark.yarn.heterogeneousExecutors.enabled": "false",
            "spark.executor.cores": str(self.executor_cores),
            "spark.executor.memory": f"{self.executor_heap_mib}m",
            "spark.executor.memoryOverhead": f"{self.executor_overhead_mib}m",
            "spark.driver.cores": "1",
            "spark.driver.memory": f"{self.driver_heap_mib}m",
            "spark.driver.memoryOverhead": f"{self.driver_overhead_mib}m",
        }


def yarn_memory_mib(memory_mib: int) -> int:
    """Return `yarn.nodemanager.resource.memory-mb` as EMR sets it: a quarter, 2 to 8 GiB, is taken off.

    This fits EMR's table of defaults by instance type:
    https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-hadoop-task-config.html
    """
    return memory_mib - min(max(memory_mib // 4, 2048), 8192)


def spark_configuration(
    instance: InstanceType, *, model: str, engine: str, executor_cores: int | None = None
) -> SparkSizing:
    """Return the executors that use most cores of a node and leave room for one driver beside them.

    Every core and task node is of this size. YARN places containers by memory alone (its default): where no
    driver runs, one executor more may fit and share the cores. `executor_cores` are those of each executor;
    None: as many as fit best.

    Raises NodeTooSmallError: At most half of the cores could be used.
    """
    driver_overhead = DRIVER_OVERHEAD_MIB.get(model, _USUAL_DRIVER_OVERHEAD_MIB)
    room = yarn_memory_mib(instance.memory_mib) - DRIVER_HEAP_MIB - driver_overhead
    worker = WORKER_MIB[model] + (TENSORFLOW_MIB if engine == "tensorflow" else 0)
    fitting = [
        SparkSizing(cores, count, heap, overhead, DRIVER_HEAP_MIB, driver_overhead)
        for cores in range(1, min(MOST_CORES, instance.vcpu) + 1)
        if executor_cores in (None, cores)
        for count in range(1, instance.vcpu // cores + 1)
        for overhead in [JVM_NATIVE_MIB + DAEMON_MIB + cores * worker]
        for heap in [room // count // ALLOCATION_MIB * ALLOCATION_MIB - overhead]
        if heap >= LEAST_HEAP_MIB
    ]
    best = max(fitting, key=lambda sizing: (sizing.cores_per_node, sizing.executor_cores), default=None)
    if best is None or best.cores_per_node < instance.vcpu / 2:
        size = "" if executor_cores is None else f" in executors of {executor_cores} cores"
        raise NodeTooSmallError(f"{instance.name} has too little memory for {model} with {engine}{size}")
    return best
