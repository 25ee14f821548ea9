"""AWS's JSON protocol, version 1.1, for MiniStack's table of services; Service Quotas, which it has not.

Source: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from ministack import app
from ministack.core import router
from ministack.core.concurrency import run_reentrant
from ministack.core.responses import get_account_id, get_region

from rehearsal.emr.conditions import Conditions
from rehearsal.emr.errors import EmrError

# Status, headers, body.
Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, Mapping[str, str], bytes, Any], Awaitable[Response]]
CONTENT_TYPE = "application/x-amz-json-1.1"


def json_service(answer: Callable[[str, dict[str, Any]], Mapping[str, Any]]) -> Handler:
    """Return the handler of a service.

    `answer` takes an operation's name and its request, and may raise EmrError. It may block: it runs on a
    thread of its own, with the account and region of the request.
    """

    def respond(operation: str, body: bytes) -> Response:
        headers = {"Content-Type": CONTENT_TYPE}
        try:
            try:
                request = json.loads(body or b"{}")
            except ValueError as error:
                raise EmrError("SerializationException", str(error)) from error
            if not isinstance(request, dict):
                raise EmrError("SerializationException", "the request is no JSON object")
            status, told = 200, answer(operation, request)
        except EmrError as error:
            # SDKs read the code from the body or from the header.
            status, told, headers["x-amzn-ErrorType"] = 400, error.body, error.code
        return status, headers, json.dumps(told).encode()

    async def handle(
        _method: str, _path: str, headers: Mapping[str, str], body: bytes, _query: Any
    ) -> Response:
        # The operation's name is what follows the dot in X-Amz-Target.
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        response: Response = await run_reentrant(respond, operation, body)
        return response

    return handle


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


def install_service_quotas(conditions: Conditions) -> None:
    """Let Service Quotas answer: the quotas that a cluster and its network count against."""
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
