"""Names that somebody else chose, made harmless where a program would take them for more than text."""

import os
import re
from pathlib import PurePath

FORMULA = r"^[=+\-@\t\r]"  # https://owasp.org/www-community/attacks/CSV_Injection
_QUOTED_FORMULA = re.compile(r"^'(?=[=+\-@\t\r])")


def spreadsheet_cell(text: str) -> str:
    """Return a text that a spreadsheet shows and does not compute: `'=1+1` of `=1+1`."""
    return f"'{text}" if re.match(FORMULA, text) else text


def of_spreadsheet_cell(cell: str) -> str:
    """Return the text that `spreadsheet_cell` was given."""
    return _QUOTED_FORMULA.sub("", cell)


def valid_text(name: str | PurePath) -> str:
    r"""Return a file's name, with `\xe9` for a byte that is no UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def terminal_text(text: str, kept: str = "\n\t") -> str:
    """Return a text whose control characters, but for those that are kept, are shown and not obeyed."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in kept else char.encode("unicode_escape").decode()
        for char in text
    )
