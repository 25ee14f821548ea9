"""Service Quotas, which MiniStack has not: the quotas that a cluster and its network count against."""

from typing import Any

from ministack import app
from ministack.core import router
from ministack.core.responses import get_account_id, get_region

from rehearsal.emulator.services.json_protocol import ServiceError, json_service

# Service and code to name, what AWS gives a new account, and what this one has: nothing is scarce here.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-quotas.html
# https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
QUOTAS = {
    ("ec2", "L-1216C47A"): ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 5.0, 1000.0),
    ("ec2", "L-34B43A08"): ("All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 5.0, 1000.0),
    ("ec2", "L-0263D0A3"): ("EC2-VPC Elastic IPs", 5.0, 100.0),
    ("vpc", "L-F678F1CE"): ("VPCs per Region", 5.0, 100.0),
}


def install() -> None:
    """Let Service Quotas answer."""
    app.SERVICE_HANDLERS["servicequotas"] = json_service(_answer)
    # Without a pattern MiniStack looks for the name in all of botocore's models, which takes it seconds.
    router.SERVICE_PATTERNS["servicequotas"] = {"target_prefixes": ["ServiceQuotasV20190624"]}


def _answer(operation: str, request: dict[str, Any]) -> dict[str, Any]:
    if operation not in ("GetServiceQuota", "GetAWSDefaultServiceQuota"):
        message = f"the rehearsal's Service Quotas has no {operation}"
        raise ServiceError("UnknownOperationException", message)
    service, code = str(request.get("ServiceCode")), str(request.get("QuotaCode"))
    if (service, code) not in QUOTAS:
        raise ServiceError("NoSuchResourceException", f"the rehearsal knows no quota {code} of {service}")
    name, default, applied = QUOTAS[service, code]
    arn = f"arn:aws:servicequotas:{get_region()}:{get_account_id()}:{service}/{code}"
    value = applied if operation == "GetServiceQuota" else default
    quota = {"ServiceCode": service, "QuotaArn": arn, "QuotaCode": code, "QuotaName": name, "Value": value}
    return {"Quota": {**quota, "Unit": "None", "Adjustable": True, "GlobalQuota": False}}
