"""Certificates for encryption between nodes: made for each deployment, readable by the cluster alone."""

from pathlib import Path

from aws_cdk import Aws, CustomResource, Duration, Stack
from aws_cdk.aws_events import Rule, RuleTargetInput, Schedule
from aws_cdk.aws_events_targets import LambdaFunction
from aws_cdk.aws_iam import AnyPrincipal, Effect, PolicyStatement
from constructs import Construct

from infra.access import statements as allow
from infra.access.cluster_roles import nodes_role_name
from infra.config.deployment import DeploymentConfig
from infra.contract.prefixes import TRANSIT
from infra.python_function import python_function
from infra.storage.bucket import Buckets

SELF_SIGNED = "self-signed"
FUNCTIONS = Path(__file__).with_name("functions")


def certificate_objects(config: DeploymentConfig, buckets: Buckets) -> list[str]:
    """Return the ARNs of the archives that nodes must be able to read; none where nothing is encrypted."""
    if config.transit_certificates != SELF_SIGNED:
        return [f"arn:{Aws.PARTITION}:s3:::{config.transit_certificates.removeprefix('s3://')}"]
    return [f"{buckets.artifacts.bucket_arn}/{TRANSIT}/*"] if config.stage == "prod" else []


def certificates_uri(scope: Construct, config: DeploymentConfig, buckets: Buckets, run_id: str) -> str | None:
    """Return the URI of the archive for EMR: the configured one, one made here, or None unencrypted."""
    if config.transit_certificates != SELF_SIGNED:
        return config.transit_certificates
    if config.stage != "prod":
        return None
    assert buckets.key is not None, "prod has a key, and KMS makes the key pair"
    stack = Stack.of(scope)
    nodes = nodes_role_name(config.stage, config.region)
    reader = stack.format_arn(service="iam", region="", resource="role", resource_name=nodes)
    # Private keys are denied to every role but the nodes', whatever other policies say, even to the root.
    buckets.artifacts.add_to_resource_policy(
        PolicyStatement(
            sid="OnlyTheClusterReadsCertificates",
            effect=Effect.DENY,
            principals=[AnyPrincipal()],
            actions=["s3:GetObject", "s3:GetObjectVersion"],
            resources=[f"{buckets.artifacts.bucket_arn}/{TRANSIT}/*"],
            conditions={"ArnNotEquals": {"aws:PrincipalArn": reader}},
        )
    )
    wanted = {
        "Bucket": buckets.artifacts.bucket_name,
        "Key": f"{TRANSIT}/{stack.stack_name}/{run_id}.zip",
        "KeyArn": buckets.key.key_arn,
        "HostName": f"*.{config.region}.compute.internal",
    }
    return _made_here(Construct(scope, "Certificates"), config, wanted, buckets)


def _made_here(here: Construct, config: DeploymentConfig, wanted: dict[str, str], buckets: Buckets) -> str:
    """Let a function make an archive of private key and certificate at deploy time, and return its URI.

    The key is made by KMS. It is in that archive, encrypted, and nowhere else; the archive goes, with all its
    versions, when the next deployment has its own. The function looks at it every month, and makes another
    long before the certificate expires: a cluster may be started long after the deploy.
    """
    bucket, store = buckets.artifacts, ["s3:PutObject", "s3:DeleteObjectVersion"]
    make = ["kms:GenerateDataKeyPair", "kms:GenerateDataKey", "kms:Decrypt"]
    maker = python_function(
        here,
        "Maker",
        config=config,
        folder=FUNCTIONS,
        handler="certificate_maker.handler.handle",
        description="Makes the certificate of a deployment",
        grants=[
            allow.objects("StoreArchive", [bucket], [f"{TRANSIT}/*"], store, allow.ARCHIVES_REASON),
            allow.list_prefix("FindArchive", bucket, TRANSIT, "s3:ListBucketVersions"),
            *allow.use_key("MakeKey", buckets.key, make),
        ],
        environment={},
    )
    made = CustomResource(
        here,
        "Archive",
        service_token=maker.function_arn,
        resource_type="Custom::TransitCertificates",
        properties=wanted,
    )
    renewal = RuleTargetInput.from_object({"RequestType": "Renew", "ResourceProperties": wanted})
    Rule(
        here,
        "Monthly",
        description="Renews the certificate of the nodes before it expires",
        schedule=Schedule.rate(Duration.days(30)),
        targets=[LambdaFunction(maker, event=renewal)],
    )
    return made.get_att_string("Uri")
