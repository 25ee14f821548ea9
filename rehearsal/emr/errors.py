"""EMR's refusals: a code and a message.

Source: https://docs.aws.amazon.com/emr/latest/APIReference/CommonErrors.html
"""

from rehearsal.errors import RehearsalError

VALIDATION, INVALID_REQUEST = "ValidationException", "InvalidRequestException"


class EmrError(RehearsalError):
    """What a caller of an API gets instead of an answer, with status 400; not only EMR answers so.

    Attributes:
        code: As `__type` carries it; empty: that of the operation that refuses, which the service fills in.
        detail: `ErrorCode` of an InvalidRequestException; AWS does not document which values it has.
    """

    def __init__(self, code: str, message: str, *, detail: str = "InvalidRequest") -> None:
        super().__init__(message)
        self.code, self.message, self.detail = code, message, detail

    @property
    def body(self) -> dict[str, str]:
        # https://docs.aws.amazon.com/emr/latest/APIReference/API_InvalidRequestException.html
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
