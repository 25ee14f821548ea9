"""Settings of Spark, YARN and HDFS on the nodes, by EMR's classifications."""

from collections.abc import Mapping

from aws_cdk.aws_emr import CfnCluster

from infra.config.deployment import DeploymentConfig

# EMR gives core nodes this label, and task nodes none.
CORE_LABEL = "CORE"
# A lost core node must not take event logs and shuffles with it; there are two of them at least.
REPLICATION = 2


def classifications(config: DeploymentConfig) -> dict[str, dict[str, str]]:
    """Return the properties of each classification.

    Event logs stay in HDFS, where EMR's persistent Spark UI takes them from: nothing here moves them to S3.
    """
    limit = (
        {} if config.executors is None else {"spark.dynamicAllocation.maxExecutors": str(config.executors)}
    )
    return {
        "spark-defaults": {
            **config.sizing().properties(),
            "spark.dynamicAllocation.enabled": "true",
            **limit,
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
    """Write the classifications as CloudFormation wants them."""
    return [
        CfnCluster.ConfigurationProperty(classification=name, configuration_properties=dict(properties))
        for name, properties in settings.items()
    ]
