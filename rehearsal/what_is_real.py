"""What of AWS a rehearsal runs, what it only plays, and what it only writes down; for people to read."""

RUN = (
    "CloudFormation, with events, rollbacks, wait conditions and custom resources, for all types we use",
    "S3: objects, versions, replication, policies as settings",
    "Lambda: our functions and CDK's, in processes of this machine; EventBridge: rules that match call them",
    "EMR: bootstrap actions, steps, Spark on a YARN of one process a node; scaling, idleness, logs in S3",
)
PLAYED = (
    "IAM and KMS: roles, policies and keys exist, nothing is refused and nothing is encrypted",
    "EC2: networks, groups, lists and gateways exist, no packet passes through them",
    "CDK bootstrap, STS, SSM, SNS (no mail is sent), Service Quotas, instance types and their zones",
)
RECORDED = (
    "budgets (nothing costs anything) and alarms on clusters (EMR's metrics do not arrive)",
    "dashboards, flow logs, S3's lifecycle (nothing expires), access logs and encryption settings",
    "EMR's security configuration, its certificates, disks, instance profile and Spot prices",
)


def what_is_real() -> str:
    """Three short lists."""
    parts = (("runs", RUN), ("is played", PLAYED), ("is only written down", RECORDED))
    return "\n".join(
        f"What {title}:\n" + "\n".join(f"  - {line}" for line in lines) for title, lines in parts
    )
