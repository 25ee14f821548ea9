"""Amazon EMR in the place of MiniStack's own, which runs nothing: its API, and its events on EventBridge."""

import json
from fnmatch import fnmatchcase
from typing import Any

from ministack import app
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import eventbridge

from rehearsal.emr.events import Event
from rehearsal.emr.service import ElasticMapReduce
from rehearsal.emr.surroundings import Network, Surroundings
from rehearsal.emulator.api import client
from rehearsal.emulator.services import iam
from rehearsal.emulator.services.json_protocol import json_service


def install(service: ElasticMapReduce) -> None:
    """Let the service answer."""

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
    """The emulated EC2 and IAM, as EMR asks them; a subnet that EC2 does not know is no fault."""

    def network(self, region: str, subnet_id: str | None) -> Network:
        """Return the subnet's network; it is public when instances get public addresses there."""
        ec2 = client("ec2", region)
        wanted = {"subnet-id": subnet_id} if subnet_id else {"default-for-az": "true"}
        filters = [{"Name": name, "Values": [value]} for name, value in wanted.items()]
        found = ec2.describe_subnets(Filters=filters)["Subnets"]
        if not found:
            return super().network(region, subnet_id)
        return Network(found[0]["VpcId"], public=found[0]["MapPublicIpOnLaunch"])

    def security_group(self, region: str, network: Network, name: str) -> str:
        """Return the group of that name, made if there is none."""
        if not network.vpc_id:
            return super().security_group(region, network, name)
        ec2 = client("ec2", region)
        wanted = {"group-name": name, "vpc-id": network.vpc_id}
        filters = [{"Name": key, "Values": [value]} for key, value in wanted.items()]
        found = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
        made = (
            found[0]
            if found
            else ec2.create_security_group(
                GroupName=name, Description="Made by Amazon EMR", VpcId=network.vpc_id
            )
        )
        return str(made["GroupId"])

    def allows_spot(self, region: str, service_role: str) -> bool:
        """Return whether Spot's role is there; one that the service role may create is created."""
        api = client("iam", region)
        try:
            api.get_role(RoleName=iam.ROLE)
        except api.exceptions.NoSuchEntityException:
            if not _may_create_spot_role(api, service_role.rpartition("/")[2]):
                return False
            api.create_service_linked_role(AWSServiceName=iam.SERVICE)
        return True


def _may_create_spot_role(api: Any, role: str) -> bool:
    """Return whether an inline policy of the role allows it."""
    try:
        names = api.list_role_policies(RoleName=role)["PolicyNames"]
    except api.exceptions.NoSuchEntityException:
        return False
    documents = [api.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    return any(_allows_spot_role(statement) for document in documents for statement in document["Statement"])


def _allows_spot_role(statement: dict[str, Any]) -> bool:
    """Return whether a statement allows to create the role of Spot, under the condition that IAM documents.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/using-service-linked-roles.html
    """
    services = [
        service
        for operator in statement.get("Condition", {}).values()
        for service in _listed(operator.get("iam:AWSServiceName", []))
    ]
    return (
        statement["Effect"] == "Allow"
        and any(fnmatchcase("iam:CreateServiceLinkedRole", action) for action in _listed(statement["Action"]))
        and any(fnmatchcase(iam.SERVICE, service) for service in services or ["*"])
    )


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
