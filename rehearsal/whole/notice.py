"""What of a rehearsal is real, what is emulated, what is only recorded."""

REAL = (
    "CDK's command line, the stacks' templates, the functions' code",
    "bootstrap action on every node, spark-submit on YARN, Spark reading and writing S3's API",
    "operate, every file of the results",
)
EMULATED = (
    "CloudFormation, S3, IAM, Lambda, EventBridge, CloudWatch, SSM, STS (MiniStack)",
    "EMR's API, states, scaling and events; its nodes are processes of this machine",
)
RECORDED = (
    "budget, alarms, dashboard, flow logs, e-mail: made and kept, never fired",
    "permissions, encryption and network rules: accepted, not enforced",
)


def notice() -> list[str]:
    """The lines, each with its kind before it."""
    kinds = {"real": REAL, "emulated": EMULATED, "recorded": RECORDED}
    return [f"{kind:<10}{line}" for kind, lines in kinds.items() for line in lines]
