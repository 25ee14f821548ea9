"""The role of whoever uploads images, submits runs and reads results: no rights on the infrastructure."""

from aws_cdk import Duration, Stack
from aws_cdk.aws_iam import AccountRootPrincipal, PolicyStatement, Role
from constructs import Construct

from infra.access.buckets import Buckets
from infra.access.statements import READ_OBJECTS, USE_KEY, WRITE_OBJECTS, list_prefix, objects, read_buckets
from infra.access.wildcards import acknowledge_wildcards, in_account, objects_of
from infra.acknowledgements import acknowledge
from infra.contract.names import PROJECT, PROJECT_TAG, STAGE_TAG, StackPart, stack_name
from infra.contract.prefixes import EMR_LOGS, JOBS, RUNS

STACKS: tuple[StackPart, ...] = ("storage", "monitoring", "pipeline")
FOLLOW = [
    "elasticmapreduce:DescribeCluster",
    "elasticmapreduce:DescribeStep",
    "elasticmapreduce:ListSteps",
    "elasticmapreduce:ListInstances",
    "elasticmapreduce:ListInstanceFleets",
    "elasticmapreduce:GetAutoTerminationPolicy",
    "elasticmapreduce:GetManagedScalingPolicy",
]
SUBMIT = ["elasticmapreduce:AddJobFlowSteps", "elasticmapreduce:CancelSteps"]
PORT_FORWARDING = "AWS-StartPortForwardingSession"


class SubmitterRole(Construct):
    """Uploads images, submits and cancels steps on the stage's cluster; reads results, logs; opens tunnels.

    Whoever in the account may call `sts:AssumeRole` on it can take it. Cluster and nodes are found by tags.

    Attributes:
        role: To assume.
    """

    def __init__(self, scope: Construct, construct_id: str, *, buckets: Buckets, stage: str) -> None:
        super().__init__(scope, construct_id)
        self.role = Role(
            self,
            "Role",
            assumed_by=AccountRootPrincipal(),
            max_session_duration=Duration.hours(12),
            description=f"Submits runs of {PROJECT} {stage}",
        )
        for statement in [*_data_statements(buckets), *self._cluster(stage), *self._tunnel(stage)]:
            self.role.add_to_policy(statement)
        reason = "It names this deployment's buckets and cluster: no other role wants it"
        acknowledge(self.role, {"NIST.800.53.R5-IAMNoInlinePolicy": reason})
        acknowledge_wildcards(self.role, _wildcards(buckets, stage, Stack.of(self).region))

    def _cluster(self, stage: str) -> list[PolicyStatement]:
        stack = Stack.of(self)
        clusters = stack.format_arn(service="elasticmapreduce", resource="cluster", resource_name="*")
        ours = {
            f"elasticmapreduce:ResourceTag/{PROJECT_TAG}": PROJECT,
            f"elasticmapreduce:ResourceTag/{STAGE_TAG}": stage,
        }
        stacks = [
            stack.format_arn(
                service="cloudformation", resource="stack", resource_name=f"{stack_name(stage, part)}/*"
            )
            for part in STACKS
        ]
        return [
            PolicyStatement(
                sid="SubmitSteps",
                actions=[*SUBMIT, *FOLLOW],
                resources=[clusters],
                conditions={"StringEquals": ours},
            ),
            PolicyStatement(sid="ListClusters", actions=["elasticmapreduce:ListClusters"], resources=["*"]),
            PolicyStatement(sid="ReadOutputs", actions=["cloudformation:DescribeStacks"], resources=stacks),
        ]

    def _tunnel(self, stage: str) -> list[PolicyStatement]:
        stack = Stack.of(self)
        instances = stack.format_arn(service="ec2", resource="instance", resource_name="*")
        document = stack.format_arn(
            service="ssm", account="", resource="document", resource_name=PORT_FORWARDING
        )
        ours = {f"ssm:resourceTag/{PROJECT_TAG}": PROJECT, f"ssm:resourceTag/{STAGE_TAG}": stage}
        return [
            PolicyStatement(
                sid="OpenTunnel",
                actions=["ssm:StartSession"],
                resources=[instances],
                conditions={"StringEquals": ours},
            ),
            PolicyStatement(sid="ForwardPorts", actions=["ssm:StartSession"], resources=[document]),
            PolicyStatement(
                sid="CloseTunnel",
                actions=["ssm:TerminateSession", "ssm:ResumeSession"],
                resources=[
                    stack.format_arn(service="ssm", resource="session", resource_name="${aws:userid}-*")
                ],
            ),
        ]


def _wildcards(buckets: Buckets, stage: str, region: str) -> dict[str, str]:
    """Why each of these is open as a whole."""
    by_tag = (
        "Ids are given at creation; the condition admits only what carries this project's and stage's tags"
    )
    stacks = "CloudFormation adds an id of its own to the stack's name"
    return {
        **{objects_of(bucket): "People upload and take back images of any name" for bucket in buckets.images},
        objects_of(buckets.results, f"{RUNS}/*"): "People read the results of every run",
        objects_of(buckets.logs, f"{EMR_LOGS}/*"): "EMR names logs by cluster, node and container",
        objects_of(buckets.artifacts, f"{JOBS}/*"): "Jobs that people bring are named by their hash",
        in_account("elasticmapreduce", region, "cluster/*"): by_tag,
        in_account("ec2", region, "instance/*"): by_tag,
        "*": "EMR lists clusters without a resource; it tells names and states, for the account of costs",
        **{
            in_account("cloudformation", region, f"stack/{stack_name(stage, part)}/*"): stacks
            for part in STACKS
        },
        in_account("ssm", region, "session/<aws:userid>-*"): "Sessions of the person alone; SSM adds an id",
    }


def _data_statements(buckets: Buckets) -> list[PolicyStatement]:
    """Images go in and out, results and logs out, jobs in."""
    images = [f"{bucket.bucket_arn}/*" for bucket in buckets.images]
    statements = [
        *read_buckets("Images", buckets.images),
        PolicyStatement(sid="ImagesWrite", actions=WRITE_OBJECTS, resources=images),
        list_prefix("ListResults", buckets.results, RUNS),
        objects("ReadResults", buckets.results, RUNS, READ_OBJECTS),
        list_prefix("ListLogs", buckets.logs, EMR_LOGS),
        objects("ReadLogs", buckets.logs, EMR_LOGS, READ_OBJECTS),
        list_prefix("ListJobs", buckets.artifacts, JOBS),
        objects("WriteJobs", buckets.artifacts, JOBS, [*READ_OBJECTS, *WRITE_OBJECTS]),
    ]
    if buckets.key:
        statements.append(PolicyStatement(sid="UseKey", actions=USE_KEY, resources=[buckets.key.key_arn]))
    return statements
