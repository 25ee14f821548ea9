"""The rows of docs/privacy.md: which files of a run it tells of, and which files it does not."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache

from infra.checkout import ROOT

PRIVACY = (ROOT / "docs" / "privacy.md").read_text()


@cache
def described() -> tuple[str, ...]:
    """The files and folders of a run that have a row; a folder ends with a slash."""
    rows = [line.split("|")[1] for line in PRIVACY.splitlines() if line.startswith("| `")]
    return tuple(
        name for row in rows for name in re.findall(r"`([^` ]+)`", row) if name[-1] == "/" or "." in name
    )


def without_row(names: Iterable[str]) -> list[str]:
    """Those of these files of a run that docs/privacy.md does not tell of."""
    patterns = [f"{name}*" if name.endswith("/") else name for name in described()]
    return [name for name in names if not any(fnmatchcase(name, pattern) for pattern in patterns)]
