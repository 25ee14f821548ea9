"""What MiniStack's services and resource types leave out, completed in place."""

from functools import partial
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


def install() -> None:
    """Complete MiniStack, and give the account Spot's role, which DeleteServiceLinkedRole takes away."""
    ec2._ACTION_MAP["DescribeInstanceTypeOfferings"] = _describe_offerings
    vpc = provisioners._RESOURCE_HANDLERS["AWS::EC2::VPC"]
    for table, name, function in (
        (handlers._ACTION_HANDLERS, "CreateChangeSet", _create_change_set),
        (ec2._ACTION_MAP, "RunInstances", _run_instances),
        (iam._IAM_HANDLERS, "CreateServiceLinkedRole", _create_service_linked_role),
        (vars(wait_conditions), "register_slot", _register_slot),
        (vars(s3), "_resolve_sse_write_headers", _resolve_sse_write_headers),
        (vars(provisioners), "_cw_metric_alarm_record", _metric_alarm_record),
        # The number says where the new properties stand among the arguments.
        (vpc, "create", partial(_with_address_range, 1)),
        (vpc, "update", partial(_with_address_range, 2)),
    ):
        table[name] = partial(function, table[name])
    with request_scope(ACCOUNT, DEFAULT_REGION):
        iam._IAM_HANDLERS["CreateServiceLinkedRole"]({"AWSServiceName": SPOT})


def _create_change_set(create: Any, parameters: dict[str, Any]) -> Any:
    """Count a change of outputs alone as a change: other stacks import what is exported."""
    answer = create(parameters)
    name, stack_name = (changesets._p(parameters, key) for key in ("ChangeSetName", "StackName"))
    _, change_set = changesets._find_change_set(name, stack_name)
    if change_set and change_set["ChangeSetType"] == "UPDATE" and not change_set["Changes"]:
        stack = cloudformation._stacks[change_set["StackName"]]
        if change_set["_template"].get("Outputs") != stack["_template"].get("Outputs"):
            change_set |= {"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "StatusReason": ""}
    return answer


def _run_instances(run: Any, parameters: dict[str, Any]) -> Any:
    """Answer a dry run as EC2 does: it says by an error that the request would have succeeded."""
    if ec2._p(parameters, "DryRun") == "true":
        message = "Request would have succeeded, but DryRun flag is set."
        return ec2._error("DryRunOperation", message, 412)
    return run(parameters)


def _create_service_linked_role(create: Any, parameters: dict[str, Any]) -> Any:
    """Give Spot's service-linked role its name, where MiniStack gives it another."""
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


def _resolve_sse_write_headers(resolve: Any, headers: dict[str, str], bucket: str) -> Any:
    """Let a write that asks for `aws:kms` and names no key take the account's own, `aws/s3`.

    `cdk deploy` makes such writes, as `cdk bootstrap`'s bucket is encrypted that way.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
    """
    if headers.get(ALGORITHM) == "aws:kms" and not headers.get(KEY):
        headers = {**headers, KEY: f"arn:aws:kms:{get_region()}:{get_account_id()}:alias/aws/s3"}
    return resolve(headers, bucket)


def _metric_alarm_record(record: Any, name: str, properties: dict[str, Any]) -> Any:
    """Keep AWS::CloudWatch::Alarm on an expression of several metrics, in the state INSUFFICIENT_DATA."""
    if not properties.get("Metrics"):
        return record(name, properties)
    rest = {key: value for key, value in properties.items() if key != "Metrics"}
    alarm = record(name, {**rest, **PLACEHOLDER})
    # As DescribeAlarms answers such an alarm: no metric of its own, and MiniStack evaluates none without.
    for key in ("MetricName", "Namespace", "Statistic", "Period"):
        alarm.pop(key, None)
    return {**alarm, "Metrics": properties["Metrics"]}


def _with_address_range(position: int, operation: Any, *arguments: Any) -> tuple[str, dict[str, Any]]:
    """Let `Fn::GetAtt` of AWS::EC2::VPC answer the network's address range."""
    physical_id, attributes = operation(*arguments)
    return physical_id, {**attributes, "CidrBlock": arguments[position].get("CidrBlock")}


def _register_slot(register: Any, *arguments: Any, **named: Any) -> str:
    token = str(register(*arguments, **named))
    _handles[token] = CLOCK.now()
    return token


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


def has_expired(path: str) -> bool:
    """Return whether a path is that of a handle's URL which is older than a day, as CloudFormation's end."""
    made = _handles.get(path.removeprefix(wait_conditions.SIGNAL_PATH))
    return made is not None and CLOCK.now() - made > HANDLE_SECONDS
