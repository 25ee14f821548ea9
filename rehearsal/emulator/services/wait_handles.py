"""Handles of wait conditions, whose signed URLs expire after a day by EMR's clock, as CloudFormation's do."""

from typing import Any

from ministack.services.cloudformation import wait_conditions

from rehearsal.emr.conditions import CLOCK

# `X-Amz-Expires` of such a URL, in seconds.
LIFE_SECONDS = 86_399
_made: dict[str, float] = {}


def install() -> None:
    """Note when each handle is made."""
    register = wait_conditions.register_slot

    def register_slot(*arguments: Any, **named: Any) -> str:
        token: str = register(*arguments, **named)
        _made[token] = CLOCK.now()
        return token

    wait_conditions.register_slot = register_slot


def has_expired(path: str) -> bool:
    """Return whether a path is that of a handle's URL which is older than a day."""
    token = path.removeprefix(wait_conditions.SIGNAL_PATH)
    return token in _made and CLOCK.now() - _made[token] > LIFE_SECONDS
