"""The recorded calls once more, against the policies without one of their statements."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ministack.core.iam_evaluator import EvalContext

from rehearsal.emulator.permissions.evaluation import Statement, Verdict, evaluate

Call = Mapping[str, Any]
# Whose calls no policy is asked for: the server's own, and CloudFormation's.
ROOT = "root"


@dataclass(frozen=True)
class Replay:
    """A record, as the rehearsal tells it.

    Attributes:
        told: `statements` and `calls`.
    """

    told: Mapping[str, Any]

    @property
    def calls(self) -> list[Call]:
        """Each different call once."""
        return list(self.told["calls"])

    @cached_property
    def statements(self) -> dict[str, Statement]:
        """Every statement by its id."""
        found = [Statement(**one) for one in self.told["statements"]]
        return {one.id: one for one in found}

    @cached_property
    def _by_owner(self) -> dict[str, list[Statement]]:
        owners: dict[str, list[Statement]] = {}
        for one in self.statements.values():
            owners.setdefault(one.owner, []).append(one)
        return owners

    def verdict(self, call: Call, without: Statement | None = None) -> Verdict:
        """Return what the policies say of a call, all of them or all but one statement."""
        resource = call["resource"]
        bucket = resource.split("/")[0] if resource.startswith("arn:aws:s3:::") else resource
        own, theirs = (
            [one for one in self._by_owner.get(owner, []) if one is not without]
            for owner in (call["caller"], bucket)
        )
        return evaluate(_context(call), own, theirs)

    def missed(self) -> dict[str, list[Call]]:
        """Return for each statement that decided a call which calls end otherwise without it."""
        found: dict[str, list[Call]] = {}
        for call in self.calls:
            for name in call["statements"]:
                without = self.verdict(call, self.statements[name]).decision
                found.setdefault(name, []).extend([call] if without != call["decision"] else [])
        return found


def _context(call: Call) -> EvalContext:
    context = dict(call["context"])
    return EvalContext(
        action=call["action"],
        resource_arn=call["resource"],
        source_ip="127.0.0.1",
        principal_account=context.pop("account"),
        **context,
    )
