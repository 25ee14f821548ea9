"""Service Quotas, which MiniStack has not: the two quotas of vCPU that a cluster counts against."""

from collections.abc import Mapping
from typing import Any

from ministack import app
from ministack.core import router
from ministack.core.responses import get_account_id, get_region

from rehearsal.emulator.services.json_protocol import (
    Response,
    ServiceError,
    answered,
    operation,
    parsed,
    refused,
)

NAMES = {
    "L-1216C47A": "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
    "L-34B43A08": "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
}
# What AWS gives a new account, and what this one was raised to: nothing is scarce in a rehearsal.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-quotas.html
DEFAULT_VCPU = 5.0
APPLIED_VCPU = 1000.0


def install() -> None:
    """Let it answer."""
    app.SERVICE_HANDLERS["servicequotas"] = _handle
    # Without a pattern MiniStack looks for the name in all of botocore's models, which takes it seconds.
    router.SERVICE_PATTERNS["servicequotas"] = {"target_prefixes": ["ServiceQuotasV20190624"]}


async def _handle(_method: str, _path: str, headers: Mapping[str, str], body: bytes, _query: Any) -> Response:
    values = {"GetServiceQuota": APPLIED_VCPU, "GetAWSDefaultServiceQuota": DEFAULT_VCPU}
    name = operation(headers)
    if name not in values:
        return refused("UnknownOperationException", f"the rehearsal's Service Quotas has no {name}")
    try:
        return answered({"Quota": _quota(parsed(body), values[name])})
    except ServiceError as error:
        return refused(error.code, error.message, error.status)


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
