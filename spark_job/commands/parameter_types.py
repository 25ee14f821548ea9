"""Types of options that Click does not know."""

import re
from typing import Any

import click


class CommaSeparated(click.ParamType[tuple[Any, ...]]):
    """`a,b,c`; each part converted."""

    def __init__(self, convert: type = str) -> None:
        self._convert, self.name = convert, f"{convert.__name__},…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a tuple of the parts."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(self._convert(part.strip()) for part in value.split(",") if part.strip())
        except ValueError:
            self.fail(f"{value!r} is not a list of {self._convert.__name__} separated by commas")


class Size(click.ParamType[tuple[int, int]]):
    """`HxW`."""

    name = "HxW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return (height, width) in pixels."""
        found = re.fullmatch(r"(\d+)x(\d+)", str(value))
        if not found:
            self.fail(f"{value!r} is not HEIGHTxWIDTH in pixels, such as 224x224")
        return int(found[1]), int(found[2])


class IntegerRange(click.ParamType[tuple[int, int]]):
    """`MIN:MAX`, both included."""

    name = "MIN:MAX"

    def __init__(self, least: int) -> None:
        self._least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return (min, max)."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d+):(\d+)", str(value))
        if not found or not self._least <= int(found[1]) <= int(found[2]):
            self.fail(f"{value!r} is not MIN:MAX with {self._least} <= MIN <= MAX, such as {self._least}:10")
        return int(found[1]), int(found[2])
