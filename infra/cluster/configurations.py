"""Settings of Spark, YARN and HDFS on the nodes, by EMR's classifications."""

from collections.abc import Mapping

from aws_cdk.aws_emr import CfnCluster

from infra.config import DeploymentConfig
from infra.instances import instance_types
from infra.sizing import spark_configuration

# EMR gives core nodes this label, and task nodes none.
CORE_LABEL = "CORE"
# A lost core node must not take event logs and shuffles with it; there are two of them at least.
REPLICATION = 2


def classifications(config: DeploymentConfig) -> dict[str, dict[str, str]]:
    """Classification to its properties.

    Event logs stay in HDFS, where EMR's persistent Spark UI takes them from: nothing here moves them to S3.
    """
    # The configuration admits core and task nodes of one size only: any of their types says it.
    worker = instance_types()[config.core_instance_types[0]]
    sizing = spark_configuration(worker, model=config.model, engine=config.engine)
    return {
        "spark-defaults": {
            **sizing.properties(),
            "spark.dynamicAllocation.enabled": "true",
            "spark.eventLog.enabled": "true",
            # The driver on a core node: with a task node that Spot takes back, the run would be lost.
            "spark.yarn.am.nodeLabelExpression": CORE_LABEL,
        },
        "yarn-site": {
            "yarn.node-labels.enabled": "true",
            "yarn.node-labels.am.default-node-label-expression": CORE_LABEL,
        },
        "hdfs-site": {"dfs.replication": str(REPLICATION)},
    }


def configuration_properties(
    settings: Mapping[str, Mapping[str, str]],
) -> list[CfnCluster.ConfigurationProperty]:
    """The classifications as the cluster wants them."""
    return [
        CfnCluster.ConfigurationProperty(classification=name, configuration_properties=dict(properties))
        for name, properties in settings.items()
    ]
