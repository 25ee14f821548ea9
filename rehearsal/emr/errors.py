"""EMR's refusals: a code, a message and an HTTP status.

Source: https://docs.aws.amazon.com/emr/latest/APIReference/CommonErrors.html
"""

from rehearsal.errors import RehearsalError

VALIDATION, INVALID_REQUEST = "ValidationException", "InvalidRequestException"


class EmrError(RehearsalError):
    """What a caller of an API gets instead of an answer; EMR is not the only one that answers so.

    Attributes:
        code: `ValidationException`, `InvalidRequestException`, … as `__type` carries it; empty: the code of
            the operation that refuses, which `rehearsal.emr.service` fills in.
        message: For a person.
        detail: `ErrorCode` of an InvalidRequestException.
        status: Of the HTTP answer.
    """

    def __init__(self, code: str, message: str, *, detail: str = "InvalidRequest", status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail
        self.status = status

    @property
    def body(self) -> dict[str, str]:
        """The answer's body.

        Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_InvalidRequestException.html; which
        values `ErrorCode` has is not documented.
        """
        if self.code == INVALID_REQUEST:
            return {"__type": self.code, "ErrorCode": self.detail, "Message": self.message}
        return {"__type": self.code, "message": self.message}


def refused(message: str, *, detail: str = "InvalidRequest") -> EmrError:
    """Return the refusal of the operation that is answered, whichever that is."""
    return EmrError("", message, detail=detail)


def not_emulated(subject: str) -> EmrError:
    """Return the refusal of an operation or a parameter that EMR has and the rehearsal does not emulate."""
    return EmrError(
        INVALID_REQUEST, f"{subject} is not part of the rehearsal: docs/rehearsal.md says what is."
    )
