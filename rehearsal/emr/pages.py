"""Long lists in pages, with EMR's markers."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from rehearsal.emr.errors import refused

Item = TypeVar("Item")
PAGE = 50
# ListInstances alone has longer pages.
INSTANCES_PAGE = 2000


def page(
    name: str,
    items: Sequence[Item],
    request: Mapping[str, Any],
    describe: Callable[[Item], Any],
    *,
    size: int = PAGE,
    marker: str = "Marker",
) -> dict[str, Any]:
    """Return an answer with the page that a request asks for, and the marker of the next, if there is one.

    Args:
        name: What the answer calls the items.
        describe: Makes of an item what the answer shows.
        marker: What request and answer call the marker.

    Raises:
        EmrError: the marker is not one that an answer held.
    """
    start = _position(request[marker]) if request.get(marker) else 0
    rest = start + size
    following = base64.urlsafe_b64encode(str(rest).encode()).decode() if rest < len(items) else None
    return {name: [describe(item) for item in items[start:rest]], marker: following}


def _position(marker: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(marker.encode()).decode())
    except (ValueError, binascii.Error) as error:
        raise refused(f"Marker '{marker}' is not valid.") from error
