"""One call against policies: which of their statements match it, and what that comes to.

MiniStack's evaluator matches actions, resources, conditions and principals; this module adds policy variables
and says which statements decided.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.iam_evaluator import EvalContext

ALLOWED, DENIED, NOT_ALLOWED = "allowed", "denied", "not allowed"
_parsed = lru_cache(maxsize=4096)(iam_evaluator.parse_policy_document)
VARIABLE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True, eq=False)
class Statement:
    """One statement of a policy."""

    owner: str  # whose policy it is: `role NAME`, `user NAME`, or the ARN of a bucket, key, topic or function
    policy: str
    name: str  # its Sid; without one, its number and first action
    document: Mapping[str, Any]  # as the policy holds it

    @property
    def id(self) -> str:
        return f"{self.owner} / {self.policy} / {self.name}"

    @property
    def allows(self) -> bool:
        return bool(self.document["Effect"] == "Allow")

    def matches(self, context: EvalContext) -> bool:
        """Return whether action, resource and conditions are the call's; the principal is not looked at."""

        def value(variable: re.Match[str]) -> str:
            known = iam_evaluator._resolve_condition_key(variable[1], context)
            # Without a value it matches nothing.
            return json.dumps("\0" if known is None else str(known))[1:-1]

        text = VARIABLE.sub(value, self._text) if "${" in self._text else self._text
        (parsed,) = _parsed(text)
        return bool(
            iam_evaluator._action_matches(context.action, parsed.actions, parsed.not_actions)
            and iam_evaluator._resource_matches(context.resource_arn, parsed.resources, parsed.not_resources)
            and iam_evaluator._conditions_met(parsed.conditions, context)
        )

    @cached_property
    def _text(self) -> str:
        return json.dumps({"Statement": self.document})

    def names(self, context: EvalContext, *, directly: bool = False) -> bool:
        """Return whether a resource's statement is about the caller.

        With `directly` it must name the caller, not just the account: then it allows by itself.
        """
        principal = self.document.get("Principal", {})
        if context.principal_type == "Service":
            everybody = principal == "*" or (isinstance(principal, dict) and "*" in principal.values())
            service = iam_evaluator._service_principal_matches(principal, context.principal_arn)
            return everybody or bool(service)
        matches = iam_evaluator._names_caller if directly else iam_evaluator._principal_matches
        return bool(matches(principal, context.principal_arn))


@dataclass(frozen=True)
class Verdict:
    """What the policies say of a call."""

    decision: str
    matched: tuple[Statement, ...] = ()  # those that deny, else those that allow


def evaluate(context: EvalContext, own: Iterable[Statement], of_resource: Iterable[Statement]) -> Verdict:
    """Return what the caller's own policies and the resource's say of a call within one account.

    A key's policy must allow by itself; that of anything else need not.
    """
    mine = [statement for statement in own if statement.matches(context)]
    theirs = [s for s in of_resource if s.names(context) and s.matches(context)]
    if denies := [statement for statement in (*mine, *theirs) if not statement.allows]:
        return Verdict(DENIED, tuple(denies))
    direct = [statement for statement in theirs if statement.names(context, directly=True)]
    allowed = bool(theirs) if context.action.startswith("kms:") else True
    if (mine and allowed) or direct:
        return Verdict(ALLOWED, (*mine, *(theirs if context.action.startswith("kms:") else direct)))
    return Verdict(NOT_ALLOWED)


def statements(owner: str, policy: str, document: str | Mapping[str, Any] | None) -> list[Statement]:
    """Return the statements of a policy's document, text or parsed; of None, none."""
    if not document:
        return []
    return _statements(owner, policy, document if isinstance(document, str) else json.dumps(document))


@lru_cache(maxsize=1024)
def _statements(owner: str, policy: str, text: str) -> list[Statement]:
    found = json.loads(text)["Statement"]
    made = []
    for number, one in enumerate([found] if isinstance(found, dict) else found, 1):
        first = listed(one.get("Action") or one.get("NotAction") or "*")[0]
        made.append(Statement(owner, policy, one.get("Sid") or f"{number} {first}", one))
    return made


def listed(value: Any) -> list[str]:
    """Return one or several words of a policy as a list."""
    return [] if value is None else list(map(str, value)) if isinstance(value, list) else [str(value)]
