"""What can go wrong while operating, as errors of one line that say what to do next."""

from collections.abc import Callable, Collection
from typing import TypeVar

from botocore.exceptions import ClientError

from spark_job.contract.errors import FruitError

Answer = TypeVar("Answer")
DENIED = ("AccessDeniedException", "AccessDenied")
# What EMR answers for a cluster or step that it does not know, or no longer.
UNKNOWN = ("InvalidRequestException", "ValidationException")


def none_if_refused(codes: Collection[str], ask: Callable[[], Answer]) -> Answer | None:
    """Return what AWS answers; None: it refuses with one of these codes."""
    try:
        return ask()
    except ClientError as error:
        if error.response["Error"]["Code"] not in codes:
            raise
        return None


class OperateError(FruitError):
    """A command cannot do what it was asked; the message says what to do."""


class DeploymentNotFoundError(OperateError):
    """The stage has no stacks in this account and region."""
