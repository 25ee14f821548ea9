"""Spot's service-linked role, which MiniStack gives another name, and which an account has from the start."""

from typing import Any

from ministack.core.responses import request_scope
from ministack.services import iam

from rehearsal.settings import ACCOUNT, DEFAULT_REGION

SERVICE = "spot.amazonaws.com"
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/service-linked-roles-spot-instance-requests.html
ROLE, MINISTACKS_NAME = "AWSServiceRoleForEC2Spot", "AWSServiceRoleForSpot"


def install() -> None:
    """Give the role its name, and the account the role; DeleteServiceLinkedRole takes it away."""
    create = iam._IAM_HANDLERS["CreateServiceLinkedRole"]

    def create_service_linked_role(parameters: dict[str, Any]) -> Any:
        if iam._p(parameters, "AWSServiceName") != SERVICE:
            return create(parameters)
        if ROLE in iam._roles:
            return iam._error(409, "EntityAlreadyExists", f"Role with name {ROLE} already exists.", ns="iam")
        status, headers, body = create(parameters)
        role = iam._roles.pop(MINISTACKS_NAME)
        arn = role["Arn"].replace(MINISTACKS_NAME, ROLE)
        iam._roles[ROLE] = {**role, "RoleName": ROLE, "Arn": arn}
        return status, headers, body.replace(MINISTACKS_NAME.encode(), ROLE.encode())

    iam._IAM_HANDLERS["CreateServiceLinkedRole"] = create_service_linked_role
    with request_scope(ACCOUNT, DEFAULT_REGION):
        create_service_linked_role({"AWSServiceName": SERVICE})
