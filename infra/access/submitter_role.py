"""The role of whoever uploads images, submits runs and reads results: no rights on the infrastructure."""

from aws_cdk import Duration, Stack
from aws_cdk.aws_iam import AccountRootPrincipal, ArnPrincipal, CompositePrincipal, Role
from aws_cdk.aws_lambda import IFunction
from constructs import Construct

from infra.access import statements as allow
from infra.acknowledgements import in_account
from infra.config.deployment import DeploymentConfig
from infra.contract.names import PORT_FORWARDING, PROJECT, STACK_PARTS, stack_name
from infra.contract.prefixes import EMR_LOGS, ERASURES, JOBS, RUNS
from infra.storage.bucket import Buckets

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


def submitter_role(
    scope: Construct, *, buckets: Buckets, config: DeploymentConfig, launcher: IFunction
) -> Role:
    """Make the role by which people upload, submit, cancel, read results and logs, and open tunnels.

    They start clusters through one function alone, which checks what is asked for. Cluster and nodes are
    found by tags. The configured principals may take the role; without any, whoever in the account may call
    `sts:AssumeRole` on it.
    """
    stage, stack = config.stage, Stack.of(scope)
    named = [ArnPrincipal(arn) for arn in config.submitter_arns]
    role = Role(
        Construct(scope, "Submitter"),
        "Role",
        assumed_by=CompositePrincipal(*named) if named else AccountRootPrincipal(),
        max_session_duration=Duration.hours(SESSION_HOURS),
        description=f"Submits runs of {PROJECT} {stage}",
    )
    start = allow.Grant("StartClusters", ["lambda:InvokeFunction"], [launcher.function_arn])
    inline = "The policy names this deployment's buckets and cluster: no other role needs it"
    allow.grant(role, [*_data(buckets), *_cluster(stack, stage), *_tunnel(stack, stage), start], inline)
    return role


def _cluster(stack: Stack, stage: str) -> list[allow.Grant]:
    names = [f"{stack_name(stage, part)}/*" for part in STACK_PARTS]
    arns = [stack.format_arn(service="cloudformation", resource="stack", resource_name=one) for one in names]
    named = [in_account("cloudformation", stack.region, f"stack/{name}") for name in names]
    own_id = dict.fromkeys(named, "CloudFormation adds an id of its own to the stack's name")
    return [
        allow.clusters_of_stage("SubmitSteps", stack, stage, [*SUBMIT, *FOLLOW]),
        allow.on_everything("ListClusters", LOOK_ROUND, LOOK_ROUND_REASON),
        allow.Grant("ReadOutputs", ["cloudformation:DescribeStacks"], arns, reasons=own_id),
    ]


def _tunnel(stack: Stack, stage: str) -> list[allow.Grant]:
    nodes = stack.format_arn(service="ec2", resource="instance", resource_name="*")
    document = stack.format_arn(service="ssm", account="", resource="document", resource_name=PORT_FORWARDING)
    sessions = stack.format_arn(service="ssm", resource="session", resource_name="${aws:userid}-*")
    why = {in_account("ec2", stack.region, "instance/*"): allow.BY_TAG_REASON}
    own = in_account("ssm", stack.region, "session/<aws:userid>-*")
    own_reason = "These are the sessions of the person alone; SSM adds an id to their names"
    end = ["ssm:TerminateSession", "ssm:ResumeSession"]
    return [
        allow.Grant("OpenTunnel", ["ssm:StartSession"], [nodes], allow.tagged("ssm:resourceTag", stage), why),
        allow.Grant("ForwardPorts", ["ssm:StartSession"], [document]),
        allow.Grant("CloseTunnel", end, [sessions], reasons={own: own_reason}),
    ]


def _data(buckets: Buckets) -> list[allow.Grant]:
    """Allow people to write and read images, to read results and logs, and to bring jobs."""
    images, results = buckets.images, [buckets.results]
    named = "People upload images of any name, and see them in the reports of analyses"
    every_run = "People read the results of every run"
    return [
        *allow.read_buckets("Images", images, named),
        # A large file goes on where an upload of before stopped; the action knows no prefix.
        allow.Grant(
            "ImagesUploads", ["s3:ListBucketMultipartUploads"], [bucket.bucket_arn for bucket in images]
        ),
        allow.objects("ImagesWrite", images, ["*"], ["s3:PutObject", "s3:ListMultipartUploadParts"], named),
        allow.list_prefix("ListResults", buckets.results, RUNS),
        allow.objects("ReadResults", results, [f"{RUNS}/*"], allow.READ_OBJECTS, every_run),
        allow.list_prefix("ListErasures", buckets.results, ERASURES),
        allow.objects("ReadErasures", results, [f"{ERASURES}/*"], allow.READ_OBJECTS, allow.ERASURES_REASON),
        allow.list_prefix("ListLogs", buckets.logs, EMR_LOGS),
        allow.objects("ReadLogs", [buckets.logs], [f"{EMR_LOGS}/*"], allow.READ_OBJECTS, allow.LOGS_REASON),
        allow.objects("WriteJobs", [buckets.artifacts], [f"{JOBS}/*"], ["s3:PutObject"], allow.JOBS_REASON),
        *allow.use_key("UseKey", buckets.key, allow.USE_KEY),
    ]
