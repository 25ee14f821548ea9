"""Change sets of outputs alone, which CloudFormation makes and MiniStack takes for empty ones."""

from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, handlers


def install() -> None:
    """Let a change of outputs be a change: other stacks import what is exported."""
    create = handlers._ACTION_HANDLERS["CreateChangeSet"]

    def create_change_set(parameters: dict[str, Any]) -> Any:
        answer = create(parameters)
        name, stack_name = (changesets._p(parameters, key) for key in ("ChangeSetName", "StackName"))
        _, change_set = changesets._find_change_set(name, stack_name)
        if change_set and change_set["ChangeSetType"] == "UPDATE" and not change_set["Changes"]:
            stack = cloudformation._stacks[change_set["StackName"]]
            if change_set["_template"].get("Outputs") != stack["_template"].get("Outputs"):
                change_set |= {
                    "Status": "CREATE_COMPLETE",
                    "ExecutionStatus": "AVAILABLE",
                    "StatusReason": "",
                }
        return answer

    handlers._ACTION_HANDLERS["CreateChangeSet"] = create_change_set
