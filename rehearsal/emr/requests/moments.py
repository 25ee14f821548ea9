"""Times in requests."""

from botocore.utils import parse_timestamp

from rehearsal.emr.errors import EmrError


def epoch(told: float | str | None) -> float | None:
    """A time of a request, a number or text, in epoch seconds.

    Raises:
        EmrError: it is no time.
    """
    if told is None:
        return None
    try:
        return float(parse_timestamp(told).timestamp())
    except ValueError as error:
        raise EmrError("SerializationException", f"'{told}' is not a time.") from error
