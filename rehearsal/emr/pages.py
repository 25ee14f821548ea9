"""Long lists in pages, with EMR's markers."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rehearsal.emr.errors import refused

Item = TypeVar("Item")
PAGE = 50
# ListInstances alone has longer pages.
INSTANCES_PAGE = 2000


def page(
    items: Sequence[Item],
    marker: str | None,
    describe: Callable[[Item], Any],
    size: int = PAGE,
) -> tuple[list[Any], str | None]:
    """Return the page at a marker, described, and the marker of the next one, None on the last.

    Raises:
        EmrError: the marker is not one that an answer held.
    """
    start = _position(marker) if marker else 0
    rest = start + size
    following = base64.urlsafe_b64encode(str(rest).encode()).decode() if rest < len(items) else None
    return [describe(item) for item in items[start:rest]], following


def _position(marker: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(marker.encode()).decode())
    except (ValueError, binascii.Error) as error:
        raise refused(f"Marker '{marker}' is not valid.") from error
