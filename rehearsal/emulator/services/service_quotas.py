"""Service Quotas, which MiniStack has not: the two quotas of vCPU that a cluster counts against."""

from typing import Any

from ministack import app
from ministack.core import router
from ministack.core.responses import get_account_id, get_region

from rehearsal.emulator.services.json_protocol import ServiceError, json_service

NAMES = {
    "L-1216C47A": "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
    "L-34B43A08": "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
}
# What AWS gives a new account, and what this one was raised to: nothing is scarce in a rehearsal.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-quotas.html
DEFAULT_VCPU = 5.0
APPLIED_VCPU = 1000.0


def install() -> None:
    """Let Service Quotas answer."""
    app.SERVICE_HANDLERS["servicequotas"] = json_service(_answer)
    # Without a pattern MiniStack looks for the name in all of botocore's models, which takes it seconds.
    router.SERVICE_PATTERNS["servicequotas"] = {"target_prefixes": ["ServiceQuotasV20190624"]}


def _answer(operation: str, request: dict[str, Any]) -> dict[str, Any]:
    values = {"GetServiceQuota": APPLIED_VCPU, "GetAWSDefaultServiceQuota": DEFAULT_VCPU}
    if operation not in values:
        message = f"the rehearsal's Service Quotas has no {operation}"
        raise ServiceError("UnknownOperationException", message)
    return {"Quota": _quota(request, values[operation])}


def _quota(request: dict[str, Any], value: float) -> dict[str, Any]:
    service, code = request.get("ServiceCode"), request.get("QuotaCode")
    if service != "ec2" or code not in NAMES:
        raise ServiceError("NoSuchResourceException", f"the rehearsal knows no quota {code} of {service}")
    return {
        "ServiceCode": service,
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "QuotaArn": f"arn:aws:servicequotas:{get_region()}:{get_account_id()}:{service}/{code}",
        "QuotaCode": code,
        "QuotaName": NAMES[code],
        "Value": value,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
