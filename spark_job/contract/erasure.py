"""Which images are to be forgotten, and the keyed hashes by which forgotten ones are known again."""

import hashlib
import hmac
import secrets
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

from spark_job.contract.uris import child, is_s3

TOMBSTONES, RECORDS = "tombstones.json", "records"  # files of the folder of erasures
# Of an object's metadata, and of a table of labels: who gave an image, and on what terms.
CONTRIBUTOR, CONSENT = "contributor", "consent"
ERASED = "this photograph was erased with `fruit forget`: remove it from the source"


def erasures_folder(results: str) -> str:
    """Return where erasures are kept: beside `runs/`, where the rule that ends results does not reach."""
    return child(results.removesuffix("/runs") if is_s3(results) else results, "erasures")


@dataclass(frozen=True)
class Wanted:
    """The images of a request: their paths, or what their paths begin with."""

    paths: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.paths)

    def __contains__(self, path: object) -> bool:
        return path in self.paths or (isinstance(path, str) and path.startswith(self.prefixes))

    def may_lie_between(self, first: str, last: str) -> bool:
        """Return whether a path of the request can lie between these two, both included."""
        place = bisect_left(self._sorted, first)
        if place < len(self._sorted) and self._sorted[place] <= last:
            return True
        return any(
            prefix <= last and (first <= prefix or first.startswith(prefix)) for prefix in self.prefixes
        )


@dataclass(frozen=True)
class Tombstones:
    """What was forgotten, as keyed hashes: of the content of photographs, of contributors who withdrew.

    Without the key, which lies beside them, they cannot be compared with hashes of photographs from
    elsewhere. A name alone is no tombstone: it could be guessed, and would bar a new photograph of that name.
    """

    key: str = field(default_factory=lambda: secrets.token_hex(32))
    contents: frozenset[str] = frozenset()
    contributors: frozenset[str] = frozenset()

    @classmethod
    def from_json(cls, content: Mapping[str, Any] | None) -> Self:
        """Return what `tombstones.json` holds; None: nothing was forgotten yet."""
        if content is None:
            return cls()
        return cls(content["key"], frozenset(content["contents"]), frozenset(content["contributors"]))

    def to_json(self) -> dict[str, Any]:
        return {"key": self.key, "contents": sorted(self.contents), "contributors": sorted(self.contributors)}

    def mark(self, text: str | bytes) -> str:
        """Return the keyed hash of a name, or of the SHA-256 of a photograph."""
        content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        return hmac.digest(bytes.fromhex(self.key), content, "sha256").hex()

    @staticmethod
    def digest(content: bytes) -> bytes:
        return hashlib.sha256(content).digest()

    def has_digest(self, sha256: bytes) -> bool:
        return self.mark(sha256) in self.contents

    def has_contributor(self, contributor: str) -> bool:
        return self.mark(contributor) in self.contributors

    def adding(self, digests: Iterable[bytes], contributors: Iterable[str] = ()) -> Self:
        """Return these and more: SHA-256 of photographs, names of people."""
        return replace(
            self,
            contents=self.contents | {self.mark(digest) for digest in digests},
            contributors=self.contributors | {self.mark(person) for person in contributors},
        )
