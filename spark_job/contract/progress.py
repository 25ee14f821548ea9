"""`progress.json` of a run: how far it is, as the driver says it every ten seconds, and people read it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self

STALLED_SECONDS = 300.0  # without movement for so long a run is called stalled
MOST_LETTERS = 120  # of a reason


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is; what is not known is None."""

    stage: str  # of the run: listing, features, reduction, report; or `complete`
    done: int  # images of the stage so far; in the listing, files
    total: int | None = None  # images of the stage
    images_per_second: float | None = None  # over the last minute
    seconds_left: float | None = None
    rejected: int = 0  # images that could not be used so far
    reason: str | None = None  # the commonest reason of these
    nodes: int | None = None  # on which executors run; the driver's, where there are none
    cost_usd: float | None = None  # what the nodes have cost so far
    written: str = ""  # when this was written, ISO 8601 with a time zone
    moved: str = ""  # when the run last moved

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return what `progress.json` holds; what is not known is left out."""
        return cls(**{name: value for name, value in content.items() if name in cls.__dataclass_fields__})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def stalled_seconds(self, now: datetime) -> float | None:
        """Return for how long the run has not moved, if that is long; None: it moves, or is complete."""
        if not self.moved or self.stage == "complete":
            return None
        seconds = (now - datetime.fromisoformat(self.moved)).total_seconds()
        return seconds if seconds >= STALLED_SECONDS else None

    def line(self, now: datetime | None = None) -> str:
        """Return all of it as one line for people; `now` says whether it is called stalled."""
        counted = f"{self.done:,}" if self.total is None else f"{self.done:,} of {self.total:,}"
        unit = "files" if self.stage == "listing" else "images"
        parts = [f"{self.stage}: {counted} {unit}" if self.done or self.total else self.stage]
        if self.images_per_second is not None:
            parts.append(f"{self.images_per_second:,.{0 if self.images_per_second >= 10 else 1}f} images/s")
        if self.seconds_left is not None:
            parts.append(f"about {self.seconds_left:.0f} s left")
        if self.rejected:
            example = ", for example" if self.rejected > 1 else ""
            reason = f"{example}: {self.reason[:MOST_LETTERS]}" if self.reason else ""
            parts.append(f"{self.rejected:,} rejected{reason}")
        if self.nodes is not None:
            parts.append(f"{self.nodes} node{'s' if self.nodes != 1 else ''}")
        if self.cost_usd is not None:
            parts.append(f"{self.cost_usd:.2f} USD so far")
        text = ", ".join(parts)
        stalled = self.stalled_seconds(now or datetime.now(UTC))
        return text if stalled is None else f"STALLED for {stalled / 60:.0f} minutes: {text}"
