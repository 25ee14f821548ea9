"""Amazon EMR in the place of MiniStack's own, which runs nothing: its API, and its events on EventBridge."""

import json
from collections.abc import Iterator
from typing import Any

from ministack import app
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import eventbridge

from rehearsal.emr.cluster import Cluster
from rehearsal.emr.events import Event
from rehearsal.emr.life.launching import Network, Surroundings
from rehearsal.emr.service import ElasticMapReduce
from rehearsal.emulator.api import client
from rehearsal.emulator.permissions import callers
from rehearsal.emulator.permissions.enforcement import Guard, role_arn, roles_of_profile
from rehearsal.emulator.services.completions import SPOT, SPOT_ROLE
from rehearsal.emulator.services.json_services import json_service
from rehearsal.settings import ACCOUNT

# https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html
VOLUME_ACTIONS = (
    *("kms:DescribeKey", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"),
    "kms:GenerateDataKeyWithoutPlaintext",
)


def install(service: ElasticMapReduce, guard: Guard) -> None:
    """Let the service answer, and ask the guard for what its role may do."""
    if isinstance(service.surroundings, EmulatedAccount):
        service.surroundings.guard = guard

    def answer(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        return service.handle(operation, request, account=get_account_id(), region=get_region())

    app.SERVICE_HANDLERS["elasticmapreduce"] = json_service(answer)


def put_event(event: Event) -> None:
    """Put an event on the default bus of its account and region; rules that match call their targets."""
    entry = {
        "Source": "aws.emr",
        "DetailType": event.detail_type,
        "Detail": json.dumps(dict(event.detail)),
        "Resources": [],
    }
    with request_scope(event.account, event.region):
        # A service's events come from `aws.`, which PutEvents of the API refuses.
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


class EmulatedAccount(Surroundings):
    """The emulated EC2 and IAM, as EMR asks them; a subnet that EC2 does not know is no error."""

    guard: Guard  # says what the service role may do; the server sets it before it answers

    def __init__(self) -> None:
        self._asked: dict[str, str] = {}

    def network(self, region: str, subnet_id: str | None) -> Network:
        ec2 = client("ec2", region)
        wanted = {"subnet-id": subnet_id} if subnet_id else {"default-for-az": "true"}
        filters = [{"Name": name, "Values": [value]} for name, value in wanted.items()]
        found = ec2.describe_subnets(Filters=filters)["Subnets"]
        if not found:
            return super().network(region, subnet_id)
        return Network(found[0]["VpcId"], public=found[0]["MapPublicIpOnLaunch"])

    def security_group(self, region: str, network: Network, name: str) -> str:
        if not network.vpc_id:
            return super().security_group(region, network, name)
        ec2 = client("ec2", region)
        wanted = {"group-name": name, "vpc-id": network.vpc_id}
        filters = [{"Name": key, "Values": [value]} for key, value in wanted.items()]
        for group in ec2.describe_security_groups(Filters=filters)["SecurityGroups"]:
            return str(group["GroupId"])
        asked = {"GroupName": name, "Description": "Made by Amazon EMR", "VpcId": network.vpc_id}
        return str(ec2.create_security_group(**asked)["GroupId"])

    def allows_spot(self, region: str, service_role: str) -> bool:
        api = client("iam", region)
        try:
            api.get_role(RoleName=SPOT_ROLE)
        except api.exceptions.NoSuchEntityException:
            role = callers.role(service_role.rpartition("/")[2], "EMR")
            with request_scope(ACCOUNT, region):
                arn = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/{SPOT}/{SPOT_ROLE}"
                asked = {"iam:awsservicename": SPOT}
                if not self.guard.may(role, "iam:CreateServiceLinkedRole", arn, asked):
                    return False
            api.create_service_linked_role(AWSServiceName=SPOT)
        return True

    def launch_refusal(self, cluster: Cluster) -> str:
        """Return why EC2 refuses the service role; EC2 is asked once for each cluster."""
        if not self.guard.enforcing or cluster.id in self._asked:
            return self._asked.get(cluster.id, "")
        name = str(cluster.request["ServiceRole"]).rpartition("/")[2]
        with request_scope(cluster.account, cluster.region):
            said = ""
            if not self.guard.takes_role(name, "elasticmapreduce", cluster.arn):
                said = f"The role {name} does not let EMR take it: its trust policy"
            for action, resource, context in _launching(cluster):
                if not said and not self.guard.may(callers.role(name, "EMR"), action, resource, context):
                    said = (
                        "UnauthorizedOperation: You are not authorized to perform this operation. "
                        f"{name} is not authorized to perform: {action} on resource: {resource}"
                    )
        self._asked[cluster.id] = said
        return said


def _launching(cluster: Cluster) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield what EMR asks EC2, IAM and KMS for in the name of its service role, to start instances.

    https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-iam-service-role.html
    """
    here = f"arn:aws:ec2:{cluster.region}:{cluster.account}"
    tagged = {f"aws:requesttag/{key}".lower(): value for key, value in cluster.tags.items()}
    network = [f"{here}:subnet/{subnet}" for subnet in cluster.subnet_ids]
    network += [f"{here}:security-group/{group}" for group in cluster.security_groups.values()]
    yield "ec2:DescribeSubnets", "*", {}
    for action in ("ec2:CreateFleet", "ec2:RunInstances"):
        for resource in network:
            yield action, resource, {}
        for kind in ("instance", "volume"):
            yield action, f"{here}:{kind}/*", tagged
    encryption = json.loads(cluster.security_configuration).get("EncryptionConfiguration", {})
    disks = encryption.get("AtRestEncryptionConfiguration", {}).get("LocalDiskEncryptionConfiguration", {})
    if key := disks.get("AwsKmsKey"):
        for action in VOLUME_ACTIONS:
            yield action, key, {}
        yield "kms:CreateGrant", key, {"kms:grantisforawsresource": "true"}
    for name in roles_of_profile(str(cluster.request.get("JobFlowRole", ""))):
        yield "iam:PassRole", role_arn(name), {"iam:passedtoservice": "ec2.amazonaws.com"}
