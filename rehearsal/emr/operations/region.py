"""Operations on what an account has in a region besides clusters, and on what EMR offers there."""

import json
import re
from contextlib import suppress

from infra.config.instances import instance_types
from rehearsal.emr.conditions import CLOCK
from rehearsal.emr.errors import not_emulated, refused
from rehearsal.emr.operations.account import Account, Message
from rehearsal.emr.operations.descriptions import page

# Source: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-release-components.html, noted without the
# live page at hand. The versions of applications are left out of answers.
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


# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-block-public-access.html
PUBLIC_ACCESS_OF_A_NEW_ACCOUNT = {
    "BlockPublicSecurityGroupRules": True,
    "PermittedPublicSecurityGroupRuleRanges": [{"MinRange": 22, "MaxRange": 22}],
}


def create_security_configuration(account: Account, request: Message) -> Message:
    """Keep a security configuration by its name."""
    name, text = request["Name"], request["SecurityConfiguration"]
    if name in account.security_configurations:
        raise refused(f"SecurityConfiguration with name '{name}' already exists.")
    with suppress(ValueError):
        if isinstance(json.loads(text), dict):
            now = CLOCK.now()
            account.security_configurations[name] = text, now
            return {"Name": name, "CreationDateTime": now}
    raise refused("SecurityConfiguration must be a JSON document.")


def describe_security_configuration(account: Account, request: Message) -> Message:
    """Return a security configuration and when it was made."""
    text, created = find_security_configuration(account, request["Name"])
    return {"Name": request["Name"], "SecurityConfiguration": text, "CreationDateTime": created}


def delete_security_configuration(account: Account, request: Message) -> Message:
    """Forget a security configuration."""
    find_security_configuration(account, request["Name"])
    del account.security_configurations[request["Name"]]
    return {}


def find_security_configuration(account: Account, name: str) -> tuple[str, float]:
    """Return its text, and when it was made, in epoch seconds. Raises EmrError: there is none."""
    if name not in account.security_configurations:
        raise refused(f"Security configuration with name '{name}' does not exist.")
    return account.security_configurations[name]


def get_block_public_access_configuration(account: Account, _request: Message) -> Message:
    """Return that public access is blocked but for SSH, as in a new account."""
    return {
        "BlockPublicAccessConfiguration": PUBLIC_ACCESS_OF_A_NEW_ACCOUNT,
        "BlockPublicAccessConfigurationMetadata": {
            "CreationDateTime": account.opened,
            "CreatedByArn": f"arn:aws:iam::{account.id}:root",
        },
    }


def list_release_labels(_account: Account, request: Message) -> Message:
    """Return the releases with a prefix, the latest first."""
    filters, most = request.get("Filters", {}), request.get("MaxResults", 100)
    if "Application" in filters:
        raise not_emulated("A filter of releases by application")
    labels = [label for label in RELEASES if label.startswith(filters.get("Prefix", ""))]
    return page("ReleaseLabels", labels, request, str, size=most, marker="NextToken")


def list_supported_instance_types(account: Account, request: Message) -> Message:
    """Return the instance types of the project's own survey, in the region; in others all of them.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_SupportedInstanceType.html
    """
    label = request["ReleaseLabel"]
    if not is_release(label):
        raise refused(f"The supplied release label is invalid: {label}.")
    surveyed = list(instance_types().values())
    offered = [known for known in surveyed if account.region in known.regions] or surveyed
    described = [
        {
            "Type": known.name,
            "MemoryGB": known.memory_mib / 1024,
            "VCPU": known.vcpu,
            "InstanceFamilyId": known.name.partition(".")[0],
            "Architecture": known.architecture.upper(),
        }
        for known in offered
    ]
    return page("SupportedInstanceTypes", described, request, dict)
