"""Sizing: what Spark asks for fits into what YARN has, on every instance type."""

import pytest

from infra.config.deployment import DeploymentConfig
from infra.config.instances import InstanceType, instance_types
from infra.config.sizing import (
    ALLOCATION_MIB,
    LEAST_HEAP_MIB,
    TENSORFLOW_MIB,
    WORKER_MIB,
    NodeTooSmallError,
    SparkSizing,
    spark_configuration,
    yarn_memory_mib,
)

EVERY = [
    (instance, model, engine)
    for instance in instance_types().values()
    for model in WORKER_MIB
    for engine in ("openvino", "tensorflow")
]


def sizings() -> list[tuple[InstanceType, str, str, SparkSizing]]:
    found = []
    for instance, model, engine in EVERY:
        try:
            found.append((instance, model, engine, spark_configuration(instance, model=model, engine=engine)))
        except NodeTooSmallError:
            continue
    return found


# Memory of the type in MiB and yarn.nodemanager.resource.memory-mb, from EMR's table of task defaults.
@pytest.mark.parametrize(
    ("memory", "documented"),
    [
        (7_680, 5_632),  # c4.xlarge
        (15_360, 11_520),  # c4.2xlarge
        (30_720, 23_040),  # c4.4xlarge
        (31_232, 23_424),  # d2.xlarge
        (61_440, 53_248),  # c4.8xlarge
        (249_856, 241_664),  # d2.8xlarge
    ],
)
def test_yarn_has_what_emr_documents(memory: int, documented: int) -> None:
    """The formula gives the documented figures, from 7.5 to 244 GiB."""
    assert yarn_memory_mib(memory) == documented


def driver_mib(sizing: SparkSizing) -> int:
    """Memory of the application master's container, which holds the driver in cluster mode."""
    return sizing.driver_heap_mib + sizing.driver_overhead_mib


def test_executors_and_driver_fit_into_a_node() -> None:
    """On a core node the driver has its place beside the executors, whatever the type."""
    for instance, model, engine, sizing in sizings():
        asked = sizing.executors_per_node * sizing.executor_mib + driver_mib(sizing)
        assert asked <= yarn_memory_mib(instance.memory_mib), (instance.name, model, engine)


def test_executors_take_at_least_half_of_the_cores_and_no_more_than_there_are() -> None:
    """Nodes that are paid for are used."""
    for instance, model, engine, sizing in sizings():
        assert instance.vcpu / 2 <= sizing.cores_per_node <= instance.vcpu, (instance.name, model, engine)


def test_each_core_has_the_memory_of_its_python_worker() -> None:
    """The overhead holds the engine's workers and Spark's own; the heap is never too small for Spark."""
    for instance, model, engine, sizing in sizings():
        worker = WORKER_MIB[model] + (TENSORFLOW_MIB if engine == "tensorflow" else 0)
        assert sizing.executor_overhead_mib >= 384 + sizing.executor_cores * worker, (instance.name, model)
        assert sizing.executor_heap_mib >= LEAST_HEAP_MIB


def test_yarn_rounds_nothing_up() -> None:
    """Containers are multiples of YARN's allocation, so that what was reckoned is what is taken."""
    for _, _, _, sizing in sizings():
        assert sizing.executor_mib % ALLOCATION_MIB == 0
        assert driver_mib(sizing) % ALLOCATION_MIB == 0


def test_without_a_driver_no_core_is_shared_by_more_than_two() -> None:
    """Task nodes have no driver: YARN, which counts memory only, may start an executor more there."""
    for instance, model, engine, sizing in sizings():
        fit = yarn_memory_mib(instance.memory_mib) // sizing.executor_mib
        assert fit * sizing.executor_cores <= 2 * instance.vcpu, (instance.name, model, engine)


def test_general_purpose_nodes_use_every_core_with_every_model() -> None:
    """m types, 4 GiB a vCPU: all cores work with OpenVINO."""
    for instance, _, engine, sizing in sizings():
        if instance.name.startswith("m") and engine == "openvino":
            assert sizing.cores_per_node == instance.vcpu, instance.name
    assert len(sizings()) > 0.8 * len(EVERY)


def test_the_default_node_has_one_executor_of_four_cores() -> None:
    """m5.xlarge, MobileNetV2: 9 GiB for the executor, 3 GiB for the driver, of YARN's 12."""
    sizing = spark_configuration(instance_types()["m5.xlarge"], model="mobilenet_v2", engine="openvino")
    assert sizing == SparkSizing(4, 1, 5282, 3934, 2048, 1024)
    assert sizing.properties() == {
        "spark.yarn.heterogeneousExecutors.enabled": "false",
        "spark.executor.cores": "4",
        "spark.executor.memory": "5282m",
        "spark.executor.memoryOverhead": "3934m",
        "spark.driver.cores": "1",
        "spark.driver.memory": "2048m",
        "spark.driver.memoryOverhead": "1024m",
    }


def test_a_node_that_is_too_small_is_refused() -> None:
    """VGG16 on 8 GiB with 4 cores: most of them would idle."""
    with pytest.raises(
        NodeTooSmallError, match=r"c7i-flex\.xlarge has too little memory for vgg16 with openvino"
    ):
        spark_configuration(instance_types()["c7i-flex.xlarge"], model="vgg16", engine="openvino")


def test_executors_of_the_wanted_cores_fill_a_node() -> None:
    """The configuration decides their cores; how many fit and their memory follow."""
    sizing = DeploymentConfig(executor_cores=2).sizing()
    assert (sizing.executor_cores, sizing.executors_per_node) == (2, 2)
    assert DeploymentConfig(executor_cores=2).sizing(1).executor_cores == 1
    small = instance_types()["c7i-flex.xlarge"]
    with pytest.raises(NodeTooSmallError, match="in executors of 4 cores"):
        spark_configuration(small, model="mobilenet_v2", engine="openvino", executor_cores=4)
