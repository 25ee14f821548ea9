"""What was called, what decided it, and every statement; the calls once more, without one of them."""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from ministack.core.iam_evaluator import EvalContext

from rehearsal.emulator.permissions.evaluation import ALLOWED, Statement, Verdict, evaluate


@dataclass
class Record:
    """The calls of one rehearsal; may be used from any thread.

    Calls of one caller that the same statements decide count as one: the first stands for all of them.
    """

    _statements: dict[str, dict[str, Any]] = field(default_factory=dict)
    _calls: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)
    _counts: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    _lock: Any = field(default_factory=threading.RLock)

    def note(self, owner: str, context: EvalContext, verdict: Verdict, *, probe: bool) -> None:
        """Note a call; a probe is one that was meant to be refused, or whose caller has lost its policies."""
        key = (owner, context.action, verdict.decision, probe, *(one.id for one in verdict.matched))
        if verdict.decision != ALLOWED:
            key = (*key, context.resource_arn)
        with self._lock:
            self._counts[key] += 1
            if key in self._calls:
                return
            self.keep(verdict.matched)
            self._calls[key] = {
                "caller": owner,
                "action": context.action,
                "resource": context.resource_arn,
                "decision": verdict.decision,
                "probe": probe,
                "statements": [one.id for one in verdict.matched],
                "context": {
                    "principal_arn": context.principal_arn,
                    "principal_type": context.principal_type,
                    "account": context.principal_account,
                    "region": context.region,
                    "secure_transport": context.secure_transport,
                    "principal_keys": dict(context.principal_keys),
                    "service_context": dict(context.service_context),
                },
            }

    def keep(self, statements: Iterable[Statement]) -> None:
        with self._lock:
            self._statements |= {one.id: asdict(one) for one in statements}

    def knows(self, owner: str) -> bool:
        with self._lock:
            return any(one["owner"] == owner for one in self._statements.values())

    def told(self) -> dict[str, Any]:
        with self._lock:
            calls = [{**call, "count": self._counts[key]} for key, call in self._calls.items()]
            return {"statements": list(self._statements.values()), "calls": calls}


Call = Mapping[str, Any]
# Whose calls no policy is asked for: the server's own, and CloudFormation's.
ROOT = "root"


@dataclass(frozen=True)
class Replay:
    """A record, as the rehearsal tells it."""

    told: Mapping[str, Any]  # `statements` and `calls`

    @property
    def calls(self) -> list[Call]:
        return list(self.told["calls"])

    @cached_property
    def statements(self) -> dict[str, Statement]:
        found = [Statement(**one) for one in self.told["statements"]]
        return {one.id: one for one in found}

    @cached_property
    def _by_owner(self) -> dict[str, list[Statement]]:
        owners = defaultdict(list)
        for one in self.statements.values():
            owners[one.owner].append(one)
        return owners

    def verdict(self, call: Call, without: Statement | None = None) -> Verdict:
        """Return what the policies say of a call, all of them or all but one statement."""
        resource = call["resource"]
        bucket = resource.split("/")[0] if resource.startswith("arn:aws:s3:::") else resource
        own, theirs = (
            [one for one in self._by_owner.get(owner, []) if one is not without]
            for owner in (call["caller"], bucket)
        )
        context = dict(call["context"])
        asked = EvalContext(
            action=call["action"],
            resource_arn=resource,
            source_ip="127.0.0.1",
            principal_account=context.pop("account"),
            **context,
        )
        return evaluate(asked, own, theirs)

    def missed(self) -> dict[str, list[Call]]:
        """Return, for each statement that decided calls, the calls that would end otherwise without it."""
        found: dict[str, list[Call]] = {}
        for call in self.calls:
            for name in call["statements"]:
                without = self.verdict(call, self.statements[name]).decision
                found.setdefault(name, []).extend([call] if without != call["decision"] else [])
        return found
