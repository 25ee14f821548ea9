"""What is kept of an erasure: who asked when, what was found, and keyed hashes to look again by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

from spark_job.contract.erasure import Tombstones

BEGUN, DONE = "begun", "done"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One erasure, without a name of an image or a person who is on one.

    Attributes:
        asked: what kind of request it was, as `2 names` or `a contributor`.
        by: who typed the command.
        found: what was found, kind to count.
        runs: those that held something, by URI.
        models: those that were fitted with the images; `fitted_again` says when they were so without them.
        images: keyed hashes of their paths.
        contents: keyed hashes of the SHA-256 of the photographs.
    """

    id: str
    asked: str
    by: str
    begun: str
    ended: str = ""
    state: str = BEGUN
    found: Mapping[str, int] = field(default_factory=dict)
    runs: tuple[str, ...] = ()
    models: tuple[Mapping[str, Any], ...] = ()
    images: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        lists = {name: tuple(content[name]) for name in ("runs", "models", "images", "contents")}
        return cls(**{**content, **lists})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def going_on(self, earlier: Iterable[Record]) -> Self:
        """Return this record with what earlier ones had found that were stopped."""
        merged = self
        for one in earlier:
            merged = replace(
                merged,
                found={**merged.found, **one.found},
                models=one.models or merged.models,
                runs=_both(merged.runs, one.runs),
                images=_both(merged.images, one.images),
                contents=_both(merged.contents, one.contents),
            )
        return merged

    def fitted_again(self, runs: Collection[str]) -> Self:
        """Return the record with the models marked that these runs hold anew."""
        marked = ({**one, "fitted_again": now()} if one.get("uri") in runs else one for one in self.models)
        return replace(self, models=tuple(marked))

    def ending(self) -> Self:
        return replace(self, state=DONE, ended=now())


def _both(some: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*some, *others)))


def begin(
    tombstones: Tombstones,
    asked: str,
    by: str,
    images: Iterable[str],
    contents: Iterable[bytes],
    **facts: Any,
) -> Record:
    """Return the record of an erasure that begins now."""
    marks = tuple(sorted(tombstones.mark(image) for image in images))
    digests = tuple(sorted(tombstones.mark(digest) for digest in contents))
    begun = now()
    name = "".join(letter for letter in begun if letter.isalnum())[:15]
    return Record(id=name, asked=asked, by=by, begun=begun, images=marks, contents=digests, **facts)


def now() -> str:
    """Return the time, ISO 8601, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
