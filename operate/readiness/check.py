"""One thing that a deploy needs, looked at before it."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "failed", "unknown"]


@dataclass(frozen=True)
class Check:
    """What was looked at, what was found, and what to do; nothing to do when it is ok."""

    name: str
    state: State
    found: str
    advice: str = ""
