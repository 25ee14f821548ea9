"""The base of classes that stand for another, as for a client: of any type for mypy, plain when they run."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Double = Any
else:
    Double = object
