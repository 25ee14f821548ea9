"""What of AWS is real in a rehearsal, what is emulated, what is only recorded; docs/rehearsal.md shows it."""

REAL = (
    "CDK's command line and the stacks' templates",
    "the code of our functions and of CDK's, in processes of this machine",
    "the bootstrap action, in a folder of each node's own",
    "YARN with one process a node, Spark, the job; it reads and writes S3 by its API",
)
EMULATED = (
    "CloudFormation: events, rollbacks, wait conditions and custom resources, for all types that we use",
    "permissions: each caller has its own keys, and every call is checked, with its conditions, against the "
    "policies of caller, bucket, key, topic and function; the end of a rehearsal says which were needed",
    "S3: objects, versions, replication, and lifecycle rules when the clock is moved",
    "EMR: its API, its refusals, states, scaling, events and logs; nodes are processes of this machine",
    "Lambda and EventBridge: a rule that matches calls its function",
    "EC2: networks, groups, lists and gateways exist; no packet passes through them",
    "IAM and KMS: users, roles, policies and keys; who may use a key is checked, and nothing is encrypted",
    "CDK's bootstrap, STS, SSM, SNS (no mail is sent), Service Quotas, instance types and their zones",
)
RECORDED = (
    "budgets (nothing costs anything) and alarms on clusters (EMR's metrics do not arrive)",
    "dashboards, flow logs, access logs and encryption settings",
    "EMR's security configuration, its certificates, disks and Spot prices",
    "the rights with which CloudFormation makes resources (its default is all of them), S3 replicates and "
    "writes access logs, EC2 writes flow logs, budgets and alarms publish; policies of endpoints",
    "what EMR asks EC2 for: its service role is checked for networks, instances, volumes and the passed role",
)


def what_is_real() -> str:
    """Return three short lists, for a terminal and for Markdown alike."""
    parts = (("real", REAL), ("emulated", EMULATED), ("only recorded", RECORDED))
    return "\n\n".join(
        f"What is {title}:\n" + "\n".join(f"- {line}" for line in lines) for title, lines in parts
    )
