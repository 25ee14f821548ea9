"""What a run was asked to do, checked once."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field

from spark_job.errors import MisuseError
from spark_job.images.limits import ImageLimits
from spark_job.reduction.principal_components import ComponentRequest
from spark_job.storage import contains, normalise

LATEST = "latest"
REMOVED = ("drop", "keep")
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True)
class RunOptions:
    """One run, as the command line describes it; all URIs normalised."""

    images: tuple[str, ...]
    results: str
    extractor: str
    run_id: str
    request: ComponentRequest = field(default_factory=ComponentRequest)
    reduction: str | None = None
    previous: str | None = None
    removed: str = "drop"
    classes: tuple[str, ...] = ()
    sample: int | None = None
    sample_per_class: int | None = None
    seed: int = 0
    engine: str = "openvino"
    precision: str = "f32"
    all_files: bool = False
    limits: ImageLimits = field(default_factory=ImageLimits)
    allow_empty: bool = False
    resume: bool = False

    @classmethod
    def checked(
        cls, *, images: tuple[str, ...], results: str, extractor: str, **others: object
    ) -> "RunOptions":
        """The options with normalised URIs.

        Raises:
            MisuseError: options that contradict each other or would mix results into sources.
        """
        reduction, previous = others.pop("reduction", None), others.pop("previous", None)
        options = cls(
            images=tuple(normalise(uri) for uri in images),
            results=normalise(results),
            extractor=normalise(extractor),
            reduction=normalise(str(reduction)) if reduction else None,
            previous=normalise(str(previous)) if previous and previous != LATEST else previous,  # type: ignore[arg-type]
            **others,  # type: ignore[arg-type]
        )
        options._check()
        return options

    def _check(self) -> None:
        if not RUN_ID.fullmatch(self.run_id):
            raise MisuseError(
                f"--run-id {self.run_id!r}: letters, digits, '.', '_' and '-' are allowed, 128 at most, "
                "the first a letter or digit"
            )
        if set(self.results) & set("*?[]{}\\"):
            raise MisuseError(f"--results {self.results!r}: Spark reads * ? [ ] {{ }} \\ in it as patterns")
        if self.sample and self.sample_per_class:
            raise MisuseError("--sample and --sample-per-class exclude each other: give one")
        if self.engine == "tensorflow" and self.precision != "f32":
            raise MisuseError(f"--precision {self.precision}: the engine tensorflow runs f32 only")
        self._check_previous()
        self._check_sources()

    def _check_previous(self) -> None:
        if self.removed != "keep":
            return
        if self.previous is None:
            raise MisuseError("--removed keep: say which run to keep them from, with --previous")
        if self.sample or self.sample_per_class:
            raise MisuseError("--removed keep and a sample exclude each other: a sample is of what is there")

    def _check_sources(self) -> None:
        for number, source in enumerate(self.images):
            if contains(source, self.results):
                raise MisuseError(
                    f"--results {self.results} lies inside --images {source}: its pictures would be taken "
                    "for photographs by the next run; choose a folder outside"
                )
            for other in self.images[number + 1 :]:
                if contains(source, other) or contains(other, source):
                    raise MisuseError(f"--images {source} and {other} overlap: every image would count twice")

    @property
    def parameters(self) -> dict[str, object]:
        """What decides the results; `--resume` and `--allow-empty` do not."""
        values = asdict(self)
        for name in ("resume", "allow_empty", "results", "run_id"):
            del values[name]
        if self.previous is None:  # then a run of an earlier version is the same run
            del values["previous"], values["removed"]
        return values

    def fingerprint(self, extractor_fingerprint: str) -> str:
        """sha256 of the parameters and the extractor, wherever that lies: equal means the same run."""
        deciding = {name: value for name, value in self.parameters.items() if name != "extractor"}
        text = json.dumps([deciding, extractor_fingerprint], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def arguments(self) -> list[str]:
        """The command-line arguments that ask for this run."""
        request, limits, default = self.request, self.limits, ImageLimits()
        given: list[tuple[str, object]] = [
            *(("--images", uri) for uri in self.images),
            ("--results", self.results),
            ("--extractor", self.extractor),
            ("--variance", request.variance),
            ("--components", request.components),
            ("--reduction", self.reduction),
            ("--previous", self.previous),
            ("--removed", self.removed if self.previous else None),
            ("--classes", ",".join(self.classes)),
            ("--sample", self.sample),
            ("--sample-per-class", self.sample_per_class),
            ("--seed", self.seed),
            ("--engine", self.engine),
            ("--precision", self.precision),
        ]
        given += [
            ("--" + name.replace("_", "-"), value)
            for name, value in asdict(limits).items()
            if value != getattr(default, name)
        ]
        words = [f"{option}={value}" for option, value in given if value not in (None, "")]
        flags = [] if request.standardize else ["--no-standardize"]
        return ["run", *words, *flags, *(["--all-files"] if self.all_files else [])]
