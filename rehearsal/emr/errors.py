"""EMR's refusals: a code, a message and an HTTP status."""

from rehearsal.errors import RehearsalError


class EmrError(RehearsalError):
    """What a caller of the API gets instead of an answer.

    Attributes:
        code: `ValidationException`, `InvalidRequestException`, … as `__type` carries it.
        message: For a person.
        status: Of the HTTP answer.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def validation(message: str) -> EmrError:
    """What the older operations, those of job flows, answer."""
    return EmrError("ValidationException", message)


def invalid_request(message: str) -> EmrError:
    """What the newer operations, those of clusters, answer."""
    return EmrError("InvalidRequestException", message)
