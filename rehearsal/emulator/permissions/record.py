"""What was called: each different call once, with how often and what decided it; and every statement."""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from ministack.core.iam_evaluator import EvalContext

from rehearsal.emulator.permissions.evaluation import ALLOWED, Statement, Verdict


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
        """Remember statements, called for or not."""
        with self._lock:
            self._statements |= {one.id: asdict(one) for one in statements}

    def knows(self, owner: str) -> bool:
        """Return whether policies of this owner are or were there."""
        with self._lock:
            return any(one["owner"] == owner for one in self._statements.values())

    def told(self) -> dict[str, Any]:
        """Return everything as JSON holds it."""
        with self._lock:
            calls = [{**call, "count": self._counts[key]} for key, call in self._calls.items()]
            return {"statements": list(self._statements.values()), "calls": calls}
