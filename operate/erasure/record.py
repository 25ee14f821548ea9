"""What is kept of an erasure: who asked when, what was found, and keyed hashes to look again by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

BEGUN, DONE = "begun", "done"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One erasure, without a name of an image or a person who is on one."""

    id: str
    asked: str  # what kind of request it was, as `2 names` or `a contributor`
    by: str  # who typed the command
    begun: str
    ended: str = ""
    state: str = BEGUN
    found: Mapping[str, int] = field(default_factory=dict)  # kind to count
    runs: tuple[str, ...] = ()  # URIs of those that held something
    # Fitted with the images; `fitted_again` says when they were fitted without them.
    models: tuple[Mapping[str, Any], ...] = ()
    images: tuple[str, ...] = ()  # keyed hashes of their paths
    contents: tuple[str, ...] = ()  # keyed hashes of the SHA-256 of the photographs

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        lists = {name: tuple(content[name]) for name in ("runs", "models", "images", "contents")}
        return cls(**{**content, **lists})

    def going_on(self, stopped: Iterable[Record]) -> Self:
        """Return this record with what earlier erasures had found before they were stopped."""
        merged = self
        for one in stopped:
            lists: dict[str, Any] = {
                name: tuple(dict.fromkeys((*getattr(merged, name), *getattr(one, name))))
                for name in ("runs", "images", "contents")
            }
            found, models = {**merged.found, **one.found}, one.models or merged.models
            merged = replace(merged, found=found, models=models, **lists)
        return merged

    def fitted_again(self, runs: Collection[str]) -> Self:
        """Return the record with a mark on the models of these runs, which were fitted again."""
        marked = ({**one, "fitted_again": now()} if one.get("uri") in runs else one for one in self.models)
        return replace(self, models=tuple(marked))


def now() -> str:
    """Return the time, ISO 8601, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
