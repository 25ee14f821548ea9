"""`manifest.json` and `metrics.json` of a run: what every reader of runs takes from them.

A run is complete when it has a manifest; it is written last. The job writes both, its analyses and its index
of runs read them, and so does `operate`, from S3.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

FORMAT = 1
RUN = "run"
# What a manifest says even when it is empty.
ALWAYS = ("parents", "parameters", "outputs")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What made a run, and what it left.

    Attributes:
        kind: the command that made it: `run`, `train`, …
        created: when it was complete, ISO 8601 with a time zone.
        parents: URIs of the runs that it read.
        parameters: what decides the results, by option.
        command: the words that make the same results once more.
        fingerprint: of parameters and extractor: equal means the same run.
        extractor: `fingerprint` and `specification`.
        code: `version` and `sha256` of the job.
        versions: of the packages that decide the results.
        images: counts.
        outputs: files and folders of the run, by name.
    """

    run_id: str
    created: str
    kind: str = RUN
    parents: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    fingerprint: str = ""
    extractor: Mapping[str, Any] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the manifest of what `manifest.json` holds; what is not known is left out."""
        known = {name: value for name, value in content.items() if name in cls.__dataclass_fields__}
        for name in ("parents", "command", "outputs"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            **{name: value for name, value in asdict(self).items() if value or name in ALWAYS},
        }

    @property
    def model(self) -> str | None:
        """The network of the extractor; None: the run had no extractor."""
        specification = self.extractor.get("specification", {})
        return str(specification["model"]) if "model" in specification else None

    @property
    def extractor_fingerprint(self) -> str:
        """What identifies the extractor; empty: the run had none."""
        return str(self.extractor.get("fingerprint", ""))


@dataclass(frozen=True)
class RunFigures:
    """The figures of a run that a list of runs shows; what is not known is None.

    Attributes:
        explained_variance_ratio: of all kept components together, 0 to 1.
        accuracy: of a classifier on its test images, 0 to 1.
        seconds: from start to end.
    """

    images: int | None = None
    rejected: int | None = None
    components: int | None = None
    explained_variance_ratio: float | None = None
    accuracy: float | None = None
    seconds: float | None = None

    @classmethod
    def from_json(cls, metrics: Mapping[str, Any]) -> Self:
        """Return the figures of what `metrics.json` holds."""

        def at(group: str, name: str) -> Any:
            return (metrics.get(group) or {}).get(name)

        return cls(
            images=at("images", "usable"),
            rejected=at("images", "rejected"),
            components=at("reduction", "components"),
            explained_variance_ratio=at("reduction", "explained_variance_ratio"),
            accuracy=at("classifier", "accuracy"),
            seconds=at("seconds", "total"),
        )


def read_json(content: bytes | str) -> dict[str, Any]:
    """Return the object that a JSON file of a run holds."""
    value: dict[str, Any] = json.loads(content)
    return value


def write_json(value: Any) -> bytes:
    """Return the bytes of a JSON file of a run."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
