"""One thing that a deploy needs, looked at before it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from botocore.exceptions import ClientError

State = Literal["ok", "warning", "failed", "unknown"]


@dataclass(frozen=True)
class Check:
    """What was looked at, what was found, and what to do; nothing to do when it is ok."""

    name: str
    state: State
    found: str
    advice: str = ""


def looked_at(name: str, look: Callable[[], Check]) -> Check:
    """Return the check; `unknown` where AWS does not let the person look, which stops no deploy."""
    try:
        return look()
    except ClientError as error:
        details = error.response["Error"]
        found = f"{error.operation_name}: {details.get('Code')}"
        return Check(name, "unknown", found, f"allow {error.operation_name} to these credentials to see it")
