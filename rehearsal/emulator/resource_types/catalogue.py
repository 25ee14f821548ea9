"""Every resource type that the rehearsal adds, and the two that fit nowhere else."""

import json
from contextlib import suppress
from typing import Any

from ministack.core.responses import get_account_id

from rehearsal.emr.conditions import Conditions
from rehearsal.emulator.api import call, client, remove
from rehearsal.emulator.resource_types import network
from rehearsal.emulator.resource_types.bucket import Bucket
from rehearsal.emulator.resource_types.emr_cluster import EmrCluster
from rehearsal.emulator.resource_types.resource_type import Properties, Resource, ResourceType, physical_name


class Budget(ResourceType):
    """A limit on what the account spends; a rehearsal spends nothing. `Ref` answers its name."""

    name = "AWS::Budgets::Budget"

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        budget = {"BudgetName": physical_name(stack, logical_id), **properties["Budget"]}
        call("budgets", "CreateBudget", **{**properties, "AccountId": get_account_id(), "Budget": budget})
        return budget["BudgetName"], {}

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        budget = {"BudgetName": physical_id, **new["Budget"]}
        call("budgets", "UpdateBudget", AccountId=get_account_id(), NewBudget=budget)
        return {}

    def delete(self, physical_id: str, properties: Properties) -> None:
        remove("budgets", "DeleteBudget", AccountId=get_account_id(), BudgetName=physical_id)


class EmrSecurityConfiguration(ResourceType):
    """How clusters encrypt; `Ref` answers its name, and nothing of it can be changed."""

    name = "AWS::EMR::SecurityConfiguration"

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        content = properties["SecurityConfiguration"]
        name = properties.get("Name") or physical_name(stack, logical_id)
        client("emr").create_security_configuration(
            Name=name, SecurityConfiguration=content if isinstance(content, str) else json.dumps(content)
        )
        return name, {}

    def delete(self, physical_id: str, properties: Properties) -> None:
        emr = client("emr")
        with suppress(emr.exceptions.InvalidRequestException):
            emr.delete_security_configuration(Name=physical_id)


def resource_types(conditions: Conditions) -> list[ResourceType]:
    """Return one object of each type; the conditions say what CloudFormation makes of EMR's refusals."""
    return [
        Bucket(),
        Budget(),
        EmrCluster(conditions),
        EmrSecurityConfiguration(),
        network.ElasticIp(),
        network.FlowLog(),
        network.NatGateway(),
        network.NetworkAcl(),
        network.NetworkAclEntry(),
        network.SecurityGroupRule("Ingress"),
        network.SecurityGroupRule("Egress"),
        network.SubnetNetworkAclAssociation(),
    ]
