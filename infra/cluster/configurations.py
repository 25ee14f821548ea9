"""Settings of Spark, YARN and HDFS by EMR's classifications; what EMR encrypts, and who gets credentials."""

from typing import Any

from infra.config.deployment import DeploymentConfig

# EMR gives core nodes this label, and task nodes none.
CORE_LABEL = "CORE"
MASTERS_SHARE = "yarn.scheduler.capacity.maximum-am-resource-percent"
# A lost core node must not take event logs and shuffles with it; there are two of them at least.
REPLICATION = 2
# A task that failed twice on an executor, or three times on a node, is tried elsewhere. On a node whose disk
# is full it would fail four times in a second and end the run; YARN looks at disks every two minutes.
# An executor is left out when it has failed 20 tasks; with fewer a run would end while S3 does not answer.
_EXCLUSION = {
    "spark.excludeOnFailure.enabled": "true",
    "spark.excludeOnFailure.task.maxTaskAttemptsPerExecutor": "2",
    "spark.excludeOnFailure.task.maxTaskAttemptsPerNode": "3",
    "spark.excludeOnFailure.stage.maxFailedTasksPerExecutor": "20",
    "spark.excludeOnFailure.application.maxFailedTasksPerExecutor": "20",
}


def classifications(config: DeploymentConfig) -> dict[str, dict[str, str]]:
    """Return the properties of each classification.

    Event logs stay in HDFS, where EMR's persistent Spark UI takes them from: nothing here moves them to S3.
    """
    spark = {
        **config.sizing().properties(),
        "spark.dynamicAllocation.enabled": "true",
        **_EXCLUSION,
        "spark.eventLog.enabled": "true",
    }
    found = {"spark-defaults": spark}
    if config.executors is not None:
        spark["spark.dynamicAllocation.maxExecutors"] = str(config.executors)
    if config.task_maximum:
        # The driver stays on core nodes: with a task node that Spot takes back, the run would be lost.
        # Managed scaling then adds core nodes for masters alone, and task nodes for executors; without task
        # nodes there must be no labels, or the cluster would never grow.
        # https://docs.aws.amazon.com/emr/latest/ManagementGuide/managed-scaling-allocation-strategy.html
        spark["spark.yarn.am.nodeLabelExpression"] = CORE_LABEL
        found["yarn-site"] = {
            "yarn.node-labels.enabled": "true",
            "yarn.node-labels.am.default-node-label-expression": CORE_LABEL,
        }
    if config.applications:
        # By default, masters may have a tenth of YARN's memory, less than one master needs: a step would wait
        # until a notebook ends.
        found["capacity-scheduler"] = {MASTERS_SHARE: "1"}
    return found | {"hdfs-site": {"dfs.replication": str(REPLICATION)}}


def security_configuration(key_arn: str | None, certificates_uri: str | None) -> dict[str, Any]:
    """Return EMR's security configuration.

    Instances hand out credentials to IMDSv2 alone and over one hop, so no container or proxy gets them.
    What lies in S3 is encrypted in any case; the disks of the nodes with `key_arn` where there is one (EMR
    encrypts disks with KMS only); what goes between nodes where there are certificates.

    https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-create-security-configuration.html
    """
    at_rest: dict[str, Any] = {"S3EncryptionConfiguration": {"EncryptionMode": "SSE-S3"}}
    if key_arn:
        at_rest = {
            "S3EncryptionConfiguration": {"EncryptionMode": "SSE-KMS", "AwsKmsKey": key_arn},
            "LocalDiskEncryptionConfiguration": {
                "EncryptionKeyProviderType": "AwsKms",
                "AwsKmsKey": key_arn,
                "EnableEbsEncryption": True,
            },
        }
    encryption = {
        "EnableAtRestEncryption": True,
        "AtRestEncryptionConfiguration": at_rest,
        "EnableInTransitEncryption": certificates_uri is not None,
    }
    if certificates_uri:
        encryption["InTransitEncryptionConfiguration"] = {
            "TLSCertificateConfiguration": {"CertificateProviderType": "PEM", "S3Object": certificates_uri}
        }
    metadata = {"MinimumInstanceMetadataServiceVersion": 2, "HttpPutResponseHopLimit": 1}
    return {"EncryptionConfiguration": encryption, "InstanceMetadataServiceConfiguration": metadata}
