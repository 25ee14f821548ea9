"""The role of whoever uploads images, submits runs and reads results: no rights on the infrastructure."""

from aws_cdk import Duration, Stack
from aws_cdk.aws_iam import AccountRootPrincipal, ArnPrincipal, CompositePrincipal, PolicyStatement, Role
from aws_cdk.aws_lambda import IFunction
from constructs import Construct

from infra.access.buckets import Buckets
from infra.access.statements import (
    BY_TAG_REASON,
    ERASURES_REASON,
    READ_OBJECTS,
    USE_KEY,
    Grant,
    all_objects,
    clusters_of_stage,
    grant,
    list_prefix,
    objects,
    read_buckets,
    tag_conditions,
    use_key,
)
from infra.acknowledgements import in_account
from infra.config.deployment import DeploymentConfig
from infra.contract.names import PORT_FORWARDING, PROJECT, STACK_PARTS, stack_name
from infra.contract.prefixes import EMR_LOGS, ERASURES, JOBS, RUNS

FOLLOW = [
    "elasticmapreduce:DescribeCluster",
    "elasticmapreduce:DescribeStep",
    "elasticmapreduce:ListSteps",
    "elasticmapreduce:ListInstances",
    "elasticmapreduce:ListInstanceFleets",
    "elasticmapreduce:GetAutoTerminationPolicy",
    "elasticmapreduce:GetManagedScalingPolicy",
]
LOOK_ROUND = ["elasticmapreduce:DescribeSecurityConfiguration", "elasticmapreduce:ListClusters"]
LOOK_ROUND_REASON = (
    "EMR knows no resources here: names and states of clusters, for the costs; whether their pages have TLS"
)
SUBMIT = ["elasticmapreduce:AddJobFlowSteps", "elasticmapreduce:CancelSteps"]
SESSION_HOURS = 4  # a working morning; whoever waits longer takes the role again


class SubmitterRole(Construct):
    """Lets people upload images, submit and cancel runs, read results and logs, and open tunnels.

    They start clusters through one function alone, which checks what is asked for.

    The configured principals may take it; without any, whoever in the account may call `sts:AssumeRole` on
    it. Cluster and nodes are found by tags.

    Attributes:
        role: The role to assume.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        buckets: Buckets,
        config: DeploymentConfig,
        launcher: IFunction,
    ) -> None:
        super().__init__(scope, construct_id)
        stage = config.stage
        named = [ArnPrincipal(arn) for arn in config.submitter_arns]
        self.role = Role(
            self,
            "Role",
            assumed_by=CompositePrincipal(*named) if named else AccountRootPrincipal(),
            max_session_duration=Duration.hours(SESSION_HOURS),
            description=f"Submits runs of {PROJECT} {stage}",
        )
        start = PolicyStatement(
            sid="StartClusters", actions=["lambda:InvokeFunction"], resources=[launcher.function_arn]
        )
        grants = [*_data(buckets), *self._cluster(stage), *self._tunnel(stage), Grant(start)]
        grant(
            self.role,
            grants,
            "The policy names this deployment's buckets and cluster: no other role needs it",
        )

    def _cluster(self, stage: str) -> list[Grant]:
        stack = Stack.of(self)
        stacks = [f"{stack_name(stage, part)}/*" for part in STACK_PARTS]
        return [
            clusters_of_stage("SubmitSteps", stack, stage, [*SUBMIT, *FOLLOW]),
            Grant(
                PolicyStatement(sid="ListClusters", actions=LOOK_ROUND, resources=["*"]),
                {"*": LOOK_ROUND_REASON},
            ),
            Grant(
                PolicyStatement(
                    sid="ReadOutputs",
                    actions=["cloudformation:DescribeStacks"],
                    resources=[
                        stack.format_arn(service="cloudformation", resource="stack", resource_name=name)
                        for name in stacks
                    ],
                ),
                dict.fromkeys(
                    (in_account("cloudformation", stack.region, f"stack/{name}") for name in stacks),
                    "CloudFormation adds an id of its own to the stack's name",
                ),
            ),
        ]

    def _tunnel(self, stage: str) -> list[Grant]:
        stack = Stack.of(self)
        document = stack.format_arn(
            service="ssm", account="", resource="document", resource_name=PORT_FORWARDING
        )
        sessions = stack.format_arn(service="ssm", resource="session", resource_name="${aws:userid}-*")
        return [
            Grant(
                PolicyStatement(
                    sid="OpenTunnel",
                    actions=["ssm:StartSession"],
                    resources=[stack.format_arn(service="ec2", resource="instance", resource_name="*")],
                    conditions={"StringEquals": tag_conditions("ssm:resourceTag", stage)},
                ),
                {in_account("ec2", stack.region, "instance/*"): BY_TAG_REASON},
            ),
            Grant(PolicyStatement(sid="ForwardPorts", actions=["ssm:StartSession"], resources=[document])),
            Grant(
                PolicyStatement(
                    sid="CloseTunnel",
                    actions=["ssm:TerminateSession", "ssm:ResumeSession"],
                    resources=[sessions],
                ),
                {
                    in_account("ssm", stack.region, "session/<aws:userid>-*"): "These are the sessions of "
                    "the person alone; SSM adds an id to their names"
                },
            ),
        ]


def _data(buckets: Buckets) -> list[Grant]:
    """Allow people to write and read images, to read results and logs, and to bring jobs."""
    any_name = "People upload images of any name, and see them in the reports of analyses"
    jobs = "A job that a person brings is named by its hash"
    return [
        *read_buckets("Images", buckets.images, any_name),
        # A large file goes on where an upload of before stopped; the action knows no prefix.
        Grant(
            PolicyStatement(
                sid="ImagesUploads",
                actions=["s3:ListBucketMultipartUploads"],
                resources=[bucket.bucket_arn for bucket in buckets.images],
            )
        ),
        all_objects("ImagesWrite", buckets.images, ["s3:PutObject", "s3:ListMultipartUploadParts"], any_name),
        list_prefix("ListResults", buckets.results, RUNS),
        objects("ReadResults", buckets.results, RUNS, READ_OBJECTS, "People read the results of every run"),
        list_prefix("ListErasures", buckets.results, ERASURES),
        objects("ReadErasures", buckets.results, ERASURES, READ_OBJECTS, ERASURES_REASON),
        list_prefix("ListLogs", buckets.logs, EMR_LOGS),
        objects(
            "ReadLogs", buckets.logs, EMR_LOGS, READ_OBJECTS, "EMR names logs by cluster, node and container"
        ),
        objects("WriteJobs", buckets.artifacts, JOBS, ["s3:PutObject"], jobs),
        *use_key("UseKey", buckets.key, USE_KEY),
    ]
