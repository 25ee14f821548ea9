"""EMR's refusals: a code, a message and an HTTP status.

Source: https://docs.aws.amazon.com/emr/latest/APIReference/CommonErrors.html
"""

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
    """Return the refusal of the older operations, those that speak of job flows."""
    return EmrError("ValidationException", message)


def invalid_request(message: str) -> EmrError:
    """Return the refusal of the newer operations, those that speak of clusters."""
    return EmrError("InvalidRequestException", message)


def not_emulated(subject: str) -> EmrError:
    """Return the refusal of an operation or a parameter that EMR has and the rehearsal does not emulate."""
    return invalid_request(f"{subject} is not part of the rehearsal: docs/rehearsal.md says what is.")
