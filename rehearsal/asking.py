"""Requests to the rehearsal itself, beside AWS's."""

import os
from contextlib import suppress
from typing import Any

import urllib3

from rehearsal.errors import RehearsalError

SECONDS = 60.0


def ask(path: str, question: dict[str, Any]) -> dict[str, Any]:
    """Ask the rehearsal of the environment. Raises RehearsalError: none answers, or it refuses."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    if not endpoint.startswith("http://"):
        raise RehearsalError("AWS_ENDPOINT_URL names no rehearsal: set what `fruit rehearse serve` prints")
    headers = {"Authorization": f"Bearer {os.environ.get('AWS_SECRET_ACCESS_KEY', '')}"}
    settings: Any = {"headers": headers, "timeout": SECONDS, "retries": False}
    try:
        answer = urllib3.request("POST", endpoint + path, json=question, **settings)
    except urllib3.exceptions.HTTPError as error:
        missing = f"no rehearsal answers at {endpoint}: start one with `fruit rehearse serve`"
        raise RehearsalError(missing) from error
    told: dict[str, Any] = {}
    with suppress(ValueError):
        told = answer.json()
    if answer.status != 200:
        refusal = f"{endpoint}{path} is no rehearsal: it answers {answer.status}"
        raise RehearsalError(told.get("message", refusal))
    return told
