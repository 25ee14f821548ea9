"""What AWS's services do in the name of a role, or by the leave of a resource: MiniStack does it unasked."""

from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, lambda_svc, s3

from rehearsal.emulator.permissions import callers
from rehearsal.emulator.permissions.enforcement import Guard


def install(guard: Guard) -> None:
    """Let Lambda, EventBridge and S3's replication ask first."""
    credentials = lambda_runtime.execution_credentials

    def execution_credentials(config: dict[str, Any]) -> Any:
        name = config["Role"].rpartition("/")[2]
        if not guard.takes_role(name, "lambda", config["FunctionArn"]):
            raise PermissionError(f"{name} does not let Lambda take it: its trust policy")
        # Without these it runs all the same, and its log stays empty.
        group = config.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
        stream = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}:log-stream:1"
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            guard.may(callers.role(name, config["FunctionName"]), action, stream)
        return credentials(config)

    for module in (lambda_runtime, lambda_svc):
        module.execution_credentials = execution_credentials
    call_function = eventbridge._dispatch_to_lambda

    def dispatch_to_lambda(arn: str, payload: str) -> None:
        # Which of the rules that have the function as a target matched is not told.
        for key, rule in list(eventbridge._rules.items()):
            if all(target["Arn"] != arn for target in eventbridge._targets.get(key, [])):
                continue
            asked = {"aws:sourcearn": rule["Arn"], "aws:sourceaccount": get_account_id()}
            if guard.may(callers.service("events"), "lambda:InvokeFunction", arn, asked):
                call_function(arn, payload)
                return

    eventbridge._dispatch_to_lambda = dispatch_to_lambda
    find_destination = s3._replication_destination

    def replication_destination(bucket: str, key: str, rule: dict[str, Any], role: str) -> Any:
        target = find_destination(bucket, key, rule, role)
        return target if target and _may_replicate(guard, role, bucket, target[0], key) else None

    s3._replication_destination = replication_destination


def _may_replicate(guard: Guard, role: str, source: str, target: str, key: str) -> bool:
    """Return whether the role may do what S3 does to copy an object.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
    """
    name, here = role.rpartition("/")[2], f"arn:aws:s3:::{source}"
    caller, there = callers.role(name, "s3-replication"), f"arn:aws:s3:::{target}"
    needed: list[tuple[str, str, dict[str, Any]]] = [
        ("s3:GetReplicationConfiguration", here, {}),
        ("s3:ListBucket", here, {}),
        ("s3:GetObjectVersionForReplication", f"{here}/{key}", {}),
        ("s3:GetObjectVersionAcl", f"{here}/{key}", {}),
        ("s3:ReplicateObject", f"{there}/{key}", {}),
    ]
    uses = ((source, here, "Decrypt"), (target, there, "GenerateDataKey"), (target, there, "Decrypt"))
    for bucket, arn, use in uses:
        kms_key = s3._bucket_default_sse_headers(bucket).get("x-amz-server-side-encryption-aws-kms-key-id")
        if kms_key:
            through = {"kms:viaservice": f"s3.{get_region()}.amazonaws.com"}
            needed.append((f"kms:{use}", kms_key, {**through, "kms:encryptioncontext:aws:s3:arn": arn}))
    trusted = guard.takes_role(name, "s3", here)
    return trusted and all(guard.may(caller, *one) for one in needed)
