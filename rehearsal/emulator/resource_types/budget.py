"""A limit on what the account spends, AWS::Budgets::Budget; a rehearsal spends nothing, so it never warns."""

from typing import Any

from rehearsal.emulator.api import client, gone_is_fine
from rehearsal.emulator.resource_types.api_values import request_values
from rehearsal.emulator.resource_types.resource_type import Properties, Resource, ResourceType, physical_name


class Budget(ResourceType):
    """`Ref` answers its name."""

    name = "AWS::Budgets::Budget"
    create_only = ("NotificationsWithSubscribers",)

    def create(self, logical_id: str, properties: Properties, stack: str) -> Resource:
        """Make it, with a name if it has none."""
        budget = {"BudgetName": physical_name(stack, logical_id), **properties["Budget"]}
        values = {**properties, "AccountId": _account(), "Budget": budget}
        client("budgets").create_budget(**request_values("budgets", "CreateBudget", values))
        return budget["BudgetName"], {}

    def update(self, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        """The limit, what it counts, and the tags."""
        budget = {"BudgetName": physical_id, **new["Budget"]}
        values = {"AccountId": _account(), "NewBudget": budget}
        client("budgets").update_budget(**request_values("budgets", "UpdateBudget", values))
        _replace_tags(physical_id, old.get("ResourceTags", []), new.get("ResourceTags", []))
        return {}

    def replaces(self, old: Properties, new: Properties) -> bool:
        """A budget of another name is another budget."""
        before, after = (properties["Budget"].get("BudgetName") for properties in (old, new))
        return bool(before != after)

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete it."""
        with gone_is_fine():
            client("budgets").delete_budget(AccountId=_account(), BudgetName=physical_id)


def _replace_tags(name: str, old: list[dict[str, str]], new: list[dict[str, str]]) -> None:
    arn = f"arn:aws:budgets::{_account()}:budget/{name}"
    if dropped := {tag["Key"] for tag in old} - {tag["Key"] for tag in new}:
        client("budgets").untag_resource(ResourceARN=arn, ResourceTagKeys=sorted(dropped))
    if new:
        client("budgets").tag_resource(ResourceARN=arn, ResourceTags=new)


def _account() -> str:
    account: str = client("sts").get_caller_identity()["Account"]
    return account
