"""An option's type that Click does not know."""

from typing import Any

import click


class NumberList(click.ParamType[tuple[int, ...]]):
    """`1,2,4`: whole numbers from 1, each once, the smallest first."""

    name = "N,…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """The numbers."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in str(value).split(",")]
        if not all(part.isdecimal() and int(part) for part in parts):
            self.fail(f"{value!r} is no list of whole numbers such as 1,2,4", param, ctx)
        return tuple(sorted({int(part) for part in parts}))
