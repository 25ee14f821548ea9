"""The answer that an analysis ends with: a few lines for a person, or one JSON object for a program."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Lines = Sequence[tuple[str, str]]  # (label, figures)


@dataclass(frozen=True)
class Summary:
    """What an analysis found, and where it lies.

    Attributes:
        lines: for a person; a label that is empty continues the line above.
        content: for a program, JSON types.
    """

    lines: Lines
    content: Mapping[str, Any]

    def and_then(self, advice: str) -> "Summary":
        """Add what a person may do next."""
        return replace(self, lines=[*self.lines, ("next", advice)])

    def as_text(self) -> str:
        """Return the lines, their figures below each other."""
        width = 2 + max(8, *(len(label) for label, _ in self.lines))
        text = "\n".join(f"{label:<{width}}{figures}" for label, figures in self.lines)
        return text.replace("\N{NO-BREAK SPACE}", " ")  # a terminal's reader searches for plain spaces

    def as_json(self) -> str:
        """Return the content as a JSON object."""
        return json.dumps(self.content, indent=2, ensure_ascii=False)
