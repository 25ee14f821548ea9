"""`manifest.json`, which makes a run complete, and `metrics.json`: what readers of runs take of them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Self, TypeVar

from spark_job.contract.uris import last_name

FORMAT = 1
RUN = "run"
ALWAYS = ("parents", "parameters", "outputs")  # what a manifest says even when it is empty
# What a manifest that somebody else wrote must hold to be one of a run.
_TEXTS, _OBJECTS = ("run_id", "created", "kind", "fingerprint"), ("parameters", "extractor", "code", "images")
_LISTS = ("parents", "command", "outputs", "instance_types")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What made a run, and what it left."""

    run_id: str
    created: str  # when it was complete, ISO 8601 with a time zone
    kind: str = RUN  # the command that made it: `run`, `train`, …
    parents: tuple[str, ...] = ()  # URIs of the runs that it read
    parameters: Mapping[str, Any] = field(default_factory=dict)  # what decides the results, by option
    command: tuple[str, ...] = ()  # the words that make the same results once more
    fingerprint: str = ""  # of parameters and extractor: equal means the same run
    extractor: Mapping[str, Any] = field(default_factory=dict)  # `fingerprint` and `specification`
    code: Mapping[str, str] = field(default_factory=dict)  # `version` and `sha256` of the job
    versions: Mapping[str, str] = field(default_factory=dict)  # of the packages that decide the results
    images: Mapping[str, Any] = field(default_factory=dict)  # counts
    outputs: tuple[str, ...] = ()  # files and folders of the run, by name
    cost_usd: float | None = None  # of the cluster when the run was complete, on demand; None: not known
    instance_types: tuple[str, ...] = ()  # of the cluster's machines; empty: not known

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the manifest, without fields that are not known; ValueError: it is one of something else."""
        if not isinstance(content, Mapping) or not {"run_id", "created"} <= content.keys():
            raise ValueError("no manifest of a run: run_id or created is missing")
        known = {name: value for name, value in content.items() if name in cls.__dataclass_fields__}
        lists = {name: known.get(name, []) for name in _LISTS}
        if (
            not all(isinstance(known.get(name, ""), str) for name in _TEXTS)
            or not all(isinstance(known.get(name, {}), Mapping) for name in _OBJECTS)
            or not isinstance(known.get("extractor", {}).get("specification", {}), Mapping)
            or not all(isinstance(words, list) for words in lists.values())
            or not all(isinstance(word, str) for words in lists.values() for word in words)
        ):
            raise ValueError("no manifest of a run: a value is of another kind")
        if known["created"]:
            datetime.fromisoformat(known["created"])
        cost = known.pop("cost_usd", None)
        lists_held = {name: tuple(words) for name, words in lists.items()}
        return cls(**{**known, **lists_held}, cost_usd=cost if is_number(cost) else None)

    def to_json(self) -> dict[str, Any]:
        said = {name: value for name, value in asdict(self).items() if value or name in ALWAYS}
        return {"format": FORMAT, **said}

    @property
    def model(self) -> str | None:
        """The network of the extractor; None: the run had no extractor."""
        specification = self.extractor.get("specification", {})
        return str(specification["model"]) if "model" in specification else None

    @property
    def extractor_fingerprint(self) -> str:
        """What identifies the extractor; empty: the run had none."""
        return str(self.extractor.get("fingerprint", ""))


@dataclass(frozen=True, kw_only=True)
class RunFigures:
    """What a list of runs shows of one, for a person to compare; what is not known is None."""

    kind: str = ""  # the command that made it; empty: not known
    created: datetime | None = None
    parents: tuple[str, ...] = ()  # names of the runs that it read
    model: str | None = None  # the network of its extractor
    images: int | None = None
    rejected: int | None = None
    components: int | None = None
    explained_variance_ratio: float | None = None  # of all kept components together, 0 to 1
    accuracy: float | None = None  # of a classifier on its test images, 0 to 1
    images_computed: int | None = None  # new or changed, so that nothing was taken from an earlier run
    images_per_second: float | None = None  # those whose features were computed
    images_per_second_per_core: float | None = None  # the same of one core, while it worked on images
    megapixels: float | None = None  # of an image whose features were computed, on average
    instance_types: tuple[str, ...] = ()  # of the machines of its cluster; empty: not known, or it had none
    seconds: float | None = None  # from start to end
    cost_usd: float | None = None  # as the manifest has it

    @classmethod
    def of(cls, manifest: Manifest, metrics: Mapping[str, Any]) -> Self:
        def at(group: str, name: str) -> Any:
            figures = metrics.get(group)
            value = figures.get(name) if isinstance(figures, Mapping) else None
            return value if is_number(value) else None

        # Without a zone a moment is of UTC, as the job writes them.
        created = datetime.fromisoformat(manifest.created) if manifest.created else None
        return cls(
            kind=manifest.kind,
            created=created.replace(tzinfo=UTC) if created and not created.tzinfo else created,
            parents=tuple(last_name(uri) for uri in manifest.parents),
            model=manifest.model,
            images=at("images", "usable"),
            rejected=at("images", "rejected"),
            components=at("reduction", "components"),
            explained_variance_ratio=at("reduction", "explained_variance_ratio"),
            accuracy=at("classifier", "accuracy"),
            images_computed=at("images", "new"),
            images_per_second=at("features", "images_per_second"),
            images_per_second_per_core=at("features", "images_per_second_per_core"),
            megapixels=at("features", "megapixels"),
            instance_types=manifest.instance_types,
            seconds=at("seconds", "total"),
            cost_usd=manifest.cost_usd,
        )

    @property
    def created_text(self) -> str:
        """When the run was complete, as people read it, in UTC as run ids are; empty: not known."""
        created = self.created and self.created.astimezone(UTC)
        return f"{created.day} {created:%b %Y, %H:%M}" if created else ""


def is_number(value: object) -> bool:
    """Return whether a value of a JSON file is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


Figures = TypeVar("Figures", bound=RunFigures)


def with_accuracies(runs: Mapping[str, Figures]) -> dict[str, Figures]:
    """Return runs by name, those that a `train` of theirs read first with the accuracy of the newest."""
    trained = sorted(
        (run for run in runs.values() if run.kind == "train" and run.parents and run.accuracy is not None),
        key=lambda run: run.created.timestamp() if run.created else 0,
    )
    accuracies = {run.parents[0]: run.accuracy for run in trained}
    return {
        name: replace(run, accuracy=accuracies.get(name)) if run.accuracy is None else run
        for name, run in runs.items()
    }


def read_json(content: bytes | str) -> dict[str, Any]:
    """Return the object that a JSON file of a run holds."""
    value: dict[str, Any] = json.loads(content)
    return value


def write_json(value: Any) -> bytes:
    """Return the bytes of a JSON file of a run."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
