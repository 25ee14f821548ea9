"""sha256 of files, and Keras archives whose bytes depend on the network alone."""

import hashlib
import json
import re
import zipfile
from pathlib import Path

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip file can say


def sha256_of(path: Path) -> str:
    """Return the hexadecimal sha256 of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_reproducible(archive: Path) -> None:
    """Rewrite a `.keras` file without the dates and memory addresses that Keras puts into it.

    The same network then gives the same file, so an extractor built again keeps its fingerprint, and the
    features it computed before can be reused.
    """
    with zipfile.ZipFile(archive) as source:
        contents = {name: source.read(name) for name in sorted(source.namelist())}
    contents["metadata.json"] = _without_date(contents["metadata.json"])
    contents["config.json"] = _with_numbered_objects(contents["config.json"])
    with zipfile.ZipFile(archive, "w") as target:
        for name, content in contents.items():
            target.writestr(zipfile.ZipInfo(name, _LONG_AGO), content)


def _without_date(metadata: bytes) -> bytes:
    values = json.loads(metadata)
    values.pop("date_saved", None)
    return json.dumps(values, sort_keys=True).encode()


def _with_numbered_objects(config: bytes) -> bytes:
    """Objects that layers share are named by their address: name them 1, 2, ... in order of appearance."""
    numbers: dict[bytes, bytes] = {}

    def number(match: re.Match[bytes]) -> bytes:
        return match[1] + numbers.setdefault(match[2], b"%d" % (len(numbers) + 1))

    return re.sub(rb'("shared_object_id": )(\d+)', number, config)
