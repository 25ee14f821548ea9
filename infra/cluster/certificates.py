"""Certificates for encryption between nodes: made for each deployment, readable by the cluster alone."""

from pathlib import Path

from aws_cdk import Aws, CustomResource, Duration, Stack
from aws_cdk.aws_events import Rule, RuleTargetInput, Schedule
from aws_cdk.aws_events_targets import LambdaFunction
from aws_cdk.aws_iam import AnyPrincipal, Effect, PolicyStatement
from aws_cdk.aws_kms import IKey
from constructs import Construct

from infra.access.buckets import Buckets
from infra.access.instance_role import nodes_role_name
from infra.access.statements import Grant, list_prefix, objects, use_key
from infra.config.deployment import DeploymentConfig
from infra.contract.prefixes import TRANSIT
from infra.errors import ConfigError
from infra.python_function import PythonFunction

SELF_SIGNED = "self-signed"
FUNCTIONS = Path(__file__).with_name("functions")


class TransitCertificates(Construct):
    """An archive of private key and certificate in the artifacts bucket, made by a function at deploy time.

    The key is made by KMS. It is in that archive, encrypted, and nowhere else; the archive goes, with all its
    versions, when the next deployment has its own. The function looks at it every month, and makes another
    long before the certificate expires: a cluster may be started long after the deploy.

    Attributes:
        uri: Of the archive, for EMR.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, config: DeploymentConfig, buckets: Buckets, run_id: str
    ) -> None:
        super().__init__(scope, construct_id)
        if buckets.key is None:
            raise ConfigError(
                "transit_certificates",
                SELF_SIGNED,
                "a KMS key makes them: give kms_key_arn, or an s3:// archive",
            )
        nodes = nodes_role_name(config.stage, config.region)
        _refuse_other_readers(
            buckets, Stack.of(self).format_arn(service="iam", region="", resource="role", resource_name=nodes)
        )
        maker = PythonFunction(
            self,
            "Maker",
            config=config,
            folder=FUNCTIONS,
            handler="certificate_maker.handler.handle",
            description="Makes the certificate of a deployment",
            grants=_grants(buckets, buckets.key),
            environment={},
        )
        wanted = {
            "Bucket": buckets.artifacts.bucket_name,
            "Key": f"{TRANSIT}/{Stack.of(self).stack_name}/{run_id}.zip",
            "KeyArn": buckets.key.key_arn,
            "HostName": f"*.{config.region}.compute.internal",
        }
        made = CustomResource(
            self,
            "Archive",
            service_token=maker.function.function_arn,
            resource_type="Custom::TransitCertificates",
            properties=wanted,
        )
        self.uri = made.get_att_string("Uri")
        renewal = {"RequestType": "Renew", "ResourceProperties": wanted}
        Rule(
            self,
            "Monthly",
            description="Renews the certificate of the nodes before it expires",
            schedule=Schedule.rate(Duration.days(30)),
            targets=[LambdaFunction(maker.function, event=RuleTargetInput.from_object(renewal))],
        )


def _grants(buckets: Buckets, key: IKey) -> list[Grant]:
    return [
        objects(
            "StoreArchive",
            buckets.artifacts,
            TRANSIT,
            ["s3:PutObject", "s3:DeleteObjectVersion"],
            "Each deployment has one archive, whose name holds the run",
        ),
        list_prefix("FindArchive", buckets.artifacts, TRANSIT, "s3:ListBucketVersions"),
        *use_key("MakeKey", key, ["kms:GenerateDataKeyPair", "kms:GenerateDataKey", "kms:Decrypt"]),
    ]


def _refuse_other_readers(buckets: Buckets, reader_arn: str) -> None:
    """Deny the private keys to every role but the nodes', whatever other policies say, even to the root."""
    buckets.artifacts.add_to_resource_policy(
        PolicyStatement(
            sid="OnlyTheClusterReadsCertificates",
            effect=Effect.DENY,
            principals=[AnyPrincipal()],
            actions=["s3:GetObject", "s3:GetObjectVersion"],
            resources=[f"{buckets.artifacts.bucket_arn}/{TRANSIT}/*"],
            conditions={"ArnNotEquals": {"aws:PrincipalArn": reader_arn}},
        )
    )


def certificate_objects(config: DeploymentConfig, buckets: Buckets) -> list[str]:
    """Return the ARNs of the archives that nodes must be able to read; none where nothing is encrypted."""
    if config.transit_certificates != SELF_SIGNED:
        return [f"arn:{Aws.PARTITION}:s3:::{config.transit_certificates.removeprefix('s3://')}"]
    return [f"{buckets.artifacts.bucket_arn}/{TRANSIT}/*"] if config.stage == "prod" else []


def certificates_uri(
    scope: Construct, *, config: DeploymentConfig, buckets: Buckets, run_id: str
) -> str | None:
    """Return the URI of the archive for EMR: the configured one, one made here, or None unencrypted."""
    if config.transit_certificates != SELF_SIGNED:
        return config.transit_certificates
    if config.stage != "prod":
        return None
    return TransitCertificates(scope, "Certificates", config=config, buckets=buckets, run_id=run_id).uri
