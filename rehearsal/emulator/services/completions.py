"""What MiniStack's services and resource types leave out, completed in place."""

from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import cloudformation, ec2, iam, s3
from ministack.services.cloudformation import changesets, handlers, provisioners, wait_conditions

from infra.config.instances import instance_types
from rehearsal.emr.conditions import CLOCK
from rehearsal.settings import ACCOUNT, DEFAULT_REGION

# MiniStack's DescribeAvailabilityZones answers these three.
ZONES = ("a", "b", "c")
SPOT = "spot.amazonaws.com"
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/service-linked-roles-spot-instance-requests.html
SPOT_ROLE, MINISTACKS_NAME = "AWSServiceRoleForEC2Spot", "AWSServiceRoleForSpot"
ALGORITHM = "x-amz-server-side-encryption"
KEY = "x-amz-server-side-encryption-aws-kms-key-id"
PLACEHOLDER = {"MetricName": "expression", "Namespace": "expression"}
# `X-Amz-Expires` of the URL of a wait condition's handle, in seconds; when each was made, by EMR's clock.
HANDLE_SECONDS = 86_399
_handles: dict[str, float] = {}
Operation = Callable[..., tuple[str, dict[str, Any]]]


def install() -> None:
    """Complete MiniStack, and give the account Spot's role, which DeleteServiceLinkedRole takes away."""
    actions = handlers._ACTION_HANDLERS
    actions["CreateChangeSet"] = _with_changes_of_outputs(actions["CreateChangeSet"])
    ec2._ACTION_MAP["DescribeInstanceTypeOfferings"] = _describe_offerings
    ec2._ACTION_MAP["RunInstances"] = _heeding_dry_run(ec2._ACTION_MAP["RunInstances"])
    create_role = _with_name_of_spot(iam._IAM_HANDLERS["CreateServiceLinkedRole"])
    iam._IAM_HANDLERS["CreateServiceLinkedRole"] = create_role
    with request_scope(ACCOUNT, DEFAULT_REGION):
        create_role({"AWSServiceName": SPOT})
    wait_conditions.register_slot = _noting_the_time(wait_conditions.register_slot)
    s3._resolve_sse_write_headers = _with_default_key(s3._resolve_sse_write_headers)
    provisioners._cw_metric_alarm_record = _with_metric_math(provisioners._cw_metric_alarm_record)
    vpc = provisioners._RESOURCE_HANDLERS["AWS::EC2::VPC"]
    # The number says where the new properties stand among the arguments.
    vpc["create"] = _with_address_range(vpc["create"], 1)
    vpc["update"] = _with_address_range(vpc["update"], 2)


def _with_changes_of_outputs(create: Any) -> Any:
    """Let a change of outputs alone be a change: other stacks import what is exported."""

    def create_change_set(parameters: dict[str, Any]) -> Any:
        answer = create(parameters)
        name, stack_name = (changesets._p(parameters, key) for key in ("ChangeSetName", "StackName"))
        _, change_set = changesets._find_change_set(name, stack_name)
        if change_set and change_set["ChangeSetType"] == "UPDATE" and not change_set["Changes"]:
            stack = cloudformation._stacks[change_set["StackName"]]
            if change_set["_template"].get("Outputs") != stack["_template"].get("Outputs"):
                made = {"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "StatusReason": ""}
                change_set |= made
        return answer

    return create_change_set


def _describe_offerings(parameters: dict[str, Any]) -> Any:
    """Answer in which zones types are offered; offers by other places nobody here asks for."""
    region, wanted = get_region(), ec2._parse_filters(parameters).get("instance-type")
    items = "".join(
        f"<item><instanceType>{name}</instanceType><locationType>availability-zone</locationType>"
        f"<location>{region}{zone}</location></item>"
        for name, instance in sorted(instance_types().items())
        for zone in ZONES
        if region in instance.regions and (not wanted or name in wanted)
    )
    answer = f"<instanceTypeOfferingSet>{items}</instanceTypeOfferingSet>"
    return ec2._xml(200, "DescribeInstanceTypeOfferingsResponse", answer)


def _heeding_dry_run(action: Any) -> Any:
    def run(parameters: dict[str, Any]) -> Any:
        if ec2._p(parameters, "DryRun") == "true":
            message = "Request would have succeeded, but DryRun flag is set."
            return ec2._error("DryRunOperation", message, 412)
        return action(parameters)

    return run


def _with_name_of_spot(create: Any) -> Any:
    """Give Spot's service-linked role its name, where MiniStack gives it another."""

    def create_service_linked_role(parameters: dict[str, Any]) -> Any:
        if iam._p(parameters, "AWSServiceName") != SPOT:
            return create(parameters)
        if SPOT_ROLE in iam._roles:
            message = f"Role with name {SPOT_ROLE} already exists."
            return iam._error(409, "EntityAlreadyExists", message, ns="iam")
        status, headers, body = create(parameters)
        role = iam._roles.pop(MINISTACKS_NAME)
        arn = role["Arn"].replace(MINISTACKS_NAME, SPOT_ROLE)
        iam._roles[SPOT_ROLE] = {**role, "RoleName": SPOT_ROLE, "Arn": arn}
        return status, headers, body.replace(MINISTACKS_NAME.encode(), SPOT_ROLE.encode())

    return create_service_linked_role


def _with_default_key(resolve: Any) -> Any:
    """Let a write that asks for `aws:kms` and names no key take the account's own, `aws/s3`.

    `cdk deploy` makes such writes, as `cdk bootstrap`'s bucket is encrypted that way.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
    """

    def with_default_key(headers: dict[str, str], bucket: str) -> Any:
        if headers.get(ALGORITHM) == "aws:kms" and not headers.get(KEY):
            headers = {**headers, KEY: f"arn:aws:kms:{get_region()}:{get_account_id()}:alias/aws/s3"}
        return resolve(headers, bucket)

    return with_default_key


def _with_metric_math(record: Any) -> Any:
    """Keep AWS::CloudWatch::Alarm on an expression of several metrics, in the state INSUFFICIENT_DATA."""

    def with_metrics(name: str, properties: dict[str, Any]) -> Any:
        if not properties.get("Metrics"):
            return record(name, properties)
        rest = {key: value for key, value in properties.items() if key != "Metrics"}
        alarm = record(name, {**rest, **PLACEHOLDER})
        # As DescribeAlarms answers such an alarm: no metric of its own, and MiniStack evaluates none without.
        for key in ("MetricName", "Namespace", "Statistic", "Period"):
            alarm.pop(key, None)
        return {**alarm, "Metrics": properties["Metrics"]}

    return with_metrics


def _with_address_range(operation: Operation, position: int) -> Operation:
    """Let `Fn::GetAtt` of AWS::EC2::VPC answer the network's address range."""

    def run(*arguments: Any) -> tuple[str, dict[str, Any]]:
        physical_id, attributes = operation(*arguments)
        return physical_id, {**attributes, "CidrBlock": arguments[position].get("CidrBlock")}

    return run


def _noting_the_time(register: Callable[..., str]) -> Callable[..., str]:
    def register_slot(*arguments: Any, **named: Any) -> str:
        token = register(*arguments, **named)
        _handles[token] = CLOCK.now()
        return token

    return register_slot


def has_expired(path: str) -> bool:
    """Return whether a path is that of a handle's URL which is older than a day, as CloudFormation's end."""
    made = _handles.get(path.removeprefix(wait_conditions.SIGNAL_PATH))
    return made is not None and CLOCK.now() - made > HANDLE_SECONDS
