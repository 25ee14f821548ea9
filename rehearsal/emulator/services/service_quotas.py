"""Service Quotas, which MiniStack has not: the quotas that a cluster and its network count against."""

from functools import partial
from typing import Any

from ministack import app
from ministack.core import router
from ministack.core.responses import get_account_id, get_region

from rehearsal.emr.conditions import Conditions
from rehearsal.emr.errors import EmrError
from rehearsal.emulator.services.json_protocol import json_service

ON_DEMAND, SPOT = ("ec2", "L-1216C47A"), ("ec2", "L-34B43A08")
# Service and code to name, what AWS gives a new account, and what this one has: nothing is scarce here.
# How much vCPU it has is one of the conditions.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-quotas.html
# https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
QUOTAS = {
    ON_DEMAND: ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 5.0, None),
    SPOT: ("All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 5.0, None),
    ("ec2", "L-0263D0A3"): ("EC2-VPC Elastic IPs", 5.0, 100.0),
    ("vpc", "L-F678F1CE"): ("VPCs per Region", 5.0, 100.0),
}


def install(conditions: Conditions) -> None:
    """Let Service Quotas answer."""
    app.SERVICE_HANDLERS["servicequotas"] = json_service(partial(_answer, conditions))
    # Without a pattern MiniStack looks for the name in all of botocore's models, which takes it seconds.
    router.SERVICE_PATTERNS["servicequotas"] = {"target_prefixes": ["ServiceQuotasV20190624"]}


def _answer(conditions: Conditions, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    if operation not in ("GetServiceQuota", "GetAWSDefaultServiceQuota"):
        message = f"the rehearsal's Service Quotas has no {operation}"
        raise EmrError("UnknownOperationException", message)
    service, code = str(request.get("ServiceCode")), str(request.get("QuotaCode"))
    if (service, code) not in QUOTAS:
        raise EmrError("NoSuchResourceException", f"the rehearsal knows no quota {code} of {service}")
    name, default, applied = QUOTAS[service, code]
    vcpu = {ON_DEMAND: conditions.on_demand_vcpu, SPOT: conditions.spot_vcpu}
    arn = f"arn:aws:servicequotas:{get_region()}:{get_account_id()}:{service}/{code}"
    in_force = float(vcpu.get((service, code), applied or 0))
    value = in_force if operation == "GetServiceQuota" else default
    quota = {"ServiceCode": service, "QuotaArn": arn, "QuotaCode": code, "QuotaName": name, "Value": value}
    return {"Quota": {**quota, "Unit": "None", "Adjustable": True, "GlobalQuota": False}}
