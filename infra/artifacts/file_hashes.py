"""Hashes: of a file's bytes, and of a description of what something is made of."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex; it is read in pieces.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_of(description: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hex, of a JSON-like description; the order of its keys does not count."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()
