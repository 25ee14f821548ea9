"""Every resource type that the rehearsal adds, and the one that fits nowhere else: the budget."""

from typing import Any

from ministack.core.responses import get_account_id

from rehearsal.emr.conditions import Conditions
from rehearsal.emulator.api import call, client, unless_gone
from rehearsal.emulator.resource_types.bucket import Bucket
from rehearsal.emulator.resource_types.emr_cluster import EmrCluster
from rehearsal.emulator.resource_types.emr_security_configuration import EmrSecurityConfiguration
from rehearsal.emulator.resource_types.network import ElasticIp, FlowLog, NatGateway, NetworkAcl
from rehearsal.emulator.resource_types.network_rules import (
    NetworkAclEntry,
    SecurityGroupRule,
    SubnetNetworkAclAssociation,
)
from rehearsal.emulator.resource_types.resource_type import (
    Properties,
    Resource,
    ResourceType,
    dropped_tags,
    physical_name,
)


class Budget(ResourceType):
    """A limit on what the account spends; a rehearsal spends nothing. `Ref` answers its name."""

    name = "AWS::Budgets::Budget"
    create_only = ("NotificationsWithSubscribers",)

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Make it, with a name if it has none."""
        budget = {"BudgetName": physical_name(stack, logical_id), **properties["Budget"]}
        call("budgets", "CreateBudget", **{**properties, "AccountId": get_account_id(), "Budget": budget})
        return budget["BudgetName"], {}

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """Change the limit, what it counts, and the tags."""
        account = get_account_id()
        budget = {"BudgetName": physical_id, **new["Budget"]}
        call("budgets", "UpdateBudget", AccountId=account, NewBudget=budget)
        arn = f"arn:aws:budgets::{account}:budget/{physical_id}"
        before, after = old.get("ResourceTags", []), new.get("ResourceTags", [])
        if dropped := dropped_tags(before, after):
            client("budgets").untag_resource(ResourceARN=arn, ResourceTagKeys=dropped)
        if after:
            client("budgets").tag_resource(ResourceARN=arn, ResourceTags=after)
        return {}

    def replaces(self, old: Properties, new: Properties) -> bool:
        """Return whether the name differs: a budget of another name is another budget."""
        before, after = (properties["Budget"].get("BudgetName") for properties in (old, new))
        return bool(before != after)

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete it."""
        with unless_gone():
            client("budgets").delete_budget(AccountId=get_account_id(), BudgetName=physical_id)


def resource_types(conditions: Conditions | None = None) -> list[ResourceType]:
    """Return one object of each type; the conditions say what CloudFormation makes of EMR's refusals."""
    return [
        Bucket(),
        Budget(),
        ElasticIp(),
        EmrCluster(conditions),
        EmrSecurityConfiguration(),
        FlowLog(),
        NatGateway(),
        NetworkAcl(),
        NetworkAclEntry(),
        SecurityGroupRule("Ingress"),
        SecurityGroupRule("Egress"),
        SubnetNetworkAclAssociation(),
    ]
