"""The options of `run`, and the checks that take several of them together.

A new option is a field here, and nothing else: the command line of the job, what `submit` passes on, the
step's arguments, the fingerprint, the manifest, the report and the README take it from this table.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Self

from spark_job.contract.errors import MisuseError
from spark_job.contract.extractor_files import ENGINES, PRECISIONS
from spark_job.contract.image_names import FOLDER, IMAGE_EXTENSIONS, check_labels, is_table
from spark_job.contract.options import (
    ATTEMPT,
    DEPLOY,
    PLACE,
    RESULTS,
    SUBMIT,
    Option,
    given_values,
    groups_of,
    option,
    option_words,
    options_of,
    read_words,
)
from spark_job.contract.uris import contains, normalise

LATEST = "latest"
REMOVED = ("drop", "keep")
THUMBNAILS = ("keep", "none")
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
MEBIBYTE = 1024 * 1024


def check_run_id(run_id: str) -> None:
    """Check that a run's folder can have this name. Raises MisuseError."""
    if not RUN_ID.fullmatch(run_id):
        raise MisuseError(
            f"--run-id {run_id!r}: letters, digits, '.', '_' and '-' are allowed, 128 at most, "
            "the first a letter or digit"
        )


@dataclass(frozen=True)
class ComponentRequest:
    """How many components to keep: a share of the variance, or a number."""

    variance: float | None = option(
        "Keep the components that hold this share of the variance.",
        kind=float, default=0.80, above=0, most=1,
        metavar="SHARE", label="share of variance", offered=(DEPLOY, SUBMIT),
    )  # fmt: skip
    components: int | None = option(
        "Keep K components instead.",
        kind=int, least=1, metavar="K", offered=(SUBMIT,), excludes=("variance",),
    )  # fmt: skip
    standardize: bool = option(
        "Scale features to variance 1; the mean is removed in either case.",
        kind=bool, default=True, label="standardized", offered=(SUBMIT,),
    )  # fmt: skip


@dataclass(frozen=True)
class ImageLimits:
    """Limits beyond which an image is rejected; `contract.node.DECODING_MIB` may reject it below them."""

    max_pixels: int = option(
        "Reject images whose header says that they have more pixels.",
        kind=int, default=250_000_000, least=1, unit="pixels", metavar="N",
    )  # fmt: skip
    max_bytes: int = option(
        "Reject larger files without reading them.",
        kind=int, default=64 * MEBIBYTE, least=1, unit="bytes", metavar="N",
    )  # fmt: skip
    max_seconds: float = option(
        "Reject an image that takes longer to decode.",
        kind=float, default=10.0, above=0, unit="s", metavar="SECONDS",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """One run, as the command line describes it; all URIs normalised."""

    images: tuple[str, ...] = option(
        "Folder of images, or s3://BUCKET/PREFIX; repeatable.", required=True, repeated=True, metavar="URI"
    )
    results: str = option("Folder in which `RUN_ID/` is made.", required=True, says=PLACE, metavar="URI")
    extractor: str = option("Folder that `fruit extractor build` made.", required=True, metavar="URI")
    request: ComponentRequest = field(default_factory=ComponentRequest)
    reduction: str | None = option(
        "Apply the PCA of this earlier RESULTS/RUN_ID instead of fitting one; the report shows the drift.",
        metavar="RUN", label="reduction of", offered=(SUBMIT,),
    )  # fmt: skip
    previous: str | None = option(
        "Reuse the features of unchanged images from this previous RESULTS/RUN_ID; `latest` means the newest "
        "run of the same sources in `--results`, if there is one.",
        metavar="RUN", absent="compute all", needs="previous",
    )  # fmt: skip
    removed: str = option(
        "Drop or keep the images of the previous run that are gone from the sources.",
        default="drop", choices=REMOVED, needs="previous",
    )  # fmt: skip
    labels: str = option(
        "Where the class comes from: `folder` (which holds the image), `folder:N` (the Nth, counted from the "
        "image), `path` (all folders below the source), `none`, or a table: a CSV or Parquet file with "
        "a column `path`.",
        default=FOLDER, metavar="RULE|TABLE", needs="labels", offered=(DEPLOY, SUBMIT),
    )  # fmt: skip
    classes: tuple[str, ...] = option(
        "Use only the classes that match, as `'Apple*,Banana'`; a name with a comma stands in double quotes.",
        default=(), listed=True, metavar="PATTERN,…", absent="all", offered=(SUBMIT,),
    )  # fmt: skip
    sample: int | None = option(
        "Use N images in all, balanced over the classes.",
        kind=int, least=1, metavar="N", absent="all", offered=(SUBMIT,),
    )  # fmt: skip
    sample_per_class: int | None = option(
        "Use at most N images of each class.",
        kind=int, least=1, metavar="N", absent="all", offered=(SUBMIT,), excludes=("sample",),
    )  # fmt: skip
    seed: int = option(
        "Decides which images a sample takes.", kind=int, default=0, metavar="N", offered=(SUBMIT,)
    )
    engine: str = option(
        "The library that runs the network; TensorFlow is the reference, and slower.",
        default="openvino", choices=ENGINES, offered=(DEPLOY,),
    )  # fmt: skip
    precision: str = option(
        "Precision of the network; bf16 is less exact, and faster on processors with AVX512-BF16 or AMX.",
        default="f32", choices=PRECISIONS, offered=(SUBMIT,),
    )  # fmt: skip
    all_files: bool = option(
        f"Try every file, not only {' '.join(IMAGE_EXTENSIONS)}.", kind=bool, default=False, offered=(SUBMIT,)
    )
    thumbnails: str = option(
        "Keep small pictures in `features/` for the report, or none; then the report shows none.",
        default="keep", choices=THUMBNAILS, needs="thumbnails", offered=(DEPLOY, SUBMIT),
    )  # fmt: skip
    require_consent: bool = option(
        "Use only images with a consent: in the column `consent` of the table of labels, or written by "
        "`fruit upload --consent`, for which S3 is asked once for each image.",
        kind=bool, default=False, needs="require_consent", offered=(DEPLOY, SUBMIT),
    )  # fmt: skip
    retention_days: int | None = option(
        "Reuse no features of images that were first seen so many days ago, whatever runs have copied them.",
        kind=int, least=1, says=ATTEMPT, metavar="N", absent="no limit",
    )  # fmt: skip
    limits: ImageLimits = field(default_factory=ImageLimits)
    unsigned: bool = option(
        "Read images in S3 without an AWS account, as public buckets allow.",
        kind=bool, default=False, says=PLACE,
    )  # fmt: skip
    run_id: str = option(
        "Name of the run's folder.", default="", says=ATTEMPT, metavar="ID", absent="date and time"
    )
    max_cost: float | None = option(
        "On AWS, stop before the run's cluster has cost more; what is finished stays for `--resume`.",
        kind=float, above=0, metavar="USD", absent="no limit", says=ATTEMPT, offered=(SUBMIT,),
    )  # fmt: skip
    allow_empty: bool = option(
        "Succeed, with nothing to do, when there are no images.", kind=bool, default=False, says=ATTEMPT
    )
    resume: bool = option(
        "Continue the unfinished run that `--run-id` names, with the same parameters; a complete one counts "
        "as a success.",
        kind=bool, default=False, says=ATTEMPT,
    )  # fmt: skip

    @classmethod
    def table(cls, offered: str = "") -> tuple[Option, ...]:
        """Return all options in their order, or those that DEPLOY or SUBMIT offers."""
        return tuple(one for one in options_of(cls) if not offered or offered in one.offered)

    @classmethod
    def option(cls, name: str) -> Option:
        return next(one for one in cls.table() if one.name == name)

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Return checked options of values by name, None for a default; MisuseError: they contradict."""
        given = given_values(cls.table(), values)
        arguments = {one.name: given[one.name] for one in cls.table() if one.name in given and not one.group}
        for group, kind in groups_of(cls).items():
            members = [one.name for one in cls.table() if one.group == group]
            arguments[group] = kind(**{name: given[name] for name in members if name in given})
        return cls.checked(**arguments)

    @classmethod
    def parse(cls, words: Iterable[str]) -> Self:
        """Return the options that words ask for; MisuseError: they contradict, or one is missing."""
        values = read_words(cls.table(), words)
        if missing := [one.flag for one in cls.table() if one.required and one.name not in values]:
            raise MisuseError(f"{', '.join(missing)}: missing; a run needs it: run `fruit run --help`")
        return cls.from_values(values)

    @classmethod
    def checked(cls, *, images: tuple[str, ...], results: str, extractor: str, **others: Any) -> Self:
        """Return the options, URIs normalised; MisuseError: they contradict, or mix results into sources."""
        reduction, previous = others.pop("reduction", None), others.pop("previous", None)
        labels = others.pop("labels", FOLDER)
        options = cls(
            images=tuple(map(normalise, images)),
            results=normalise(results),
            extractor=normalise(extractor),
            reduction=normalise(reduction) if reduction else None,
            previous=normalise(previous) if previous and previous != LATEST else previous or None,
            labels=normalise(labels) if is_table(labels) else labels,
            **others,
        )
        options._check()
        return options

    def _check(self) -> None:
        check_run_id(self.run_id)
        if set(self.results) & set("*?[]{}\\"):
            raise MisuseError(
                f"--results {self.results!r}: Spark reads * ? [ ] {{ }} \\ as patterns: choose another folder"
            )
        check_labels(self.labels)
        if self.sample and self.sample_per_class:
            raise MisuseError("--sample and --sample-per-class exclude each other: give one")
        if self.engine == "tensorflow" and self.precision != "f32":
            raise MisuseError(
                f"--precision {self.precision}: the engine tensorflow runs f32 only: use --precision f32"
            )
        if self.removed == "keep":
            if self.previous is None:
                raise MisuseError("--removed keep: name the run to keep images of, with --previous RUN")
            other = "--require-consent" if self.require_consent else "a sample"
            why = "have no consent to ask for" if self.require_consent else "are never drawn"
            if self.require_consent or self.sample or self.sample_per_class:
                raise MisuseError(
                    f"--removed keep and {other} exclude each other, as gone images {why}: give one"
                )
        self._check_sources()

    def _check_sources(self) -> None:
        for source in self.images:
            if contains(source, self.results):
                raise MisuseError(
                    f"--results {self.results} lies inside --images {source}: its pictures would be taken "
                    "for photographs by the next run; choose a folder outside"
                )
        for source, other in combinations(self.images, 2):
            if contains(source, other) or contains(other, source):
                raise MisuseError(
                    f"--images {source} and {other} overlap: images in both would count twice; give one"
                )

    @property
    def shows_images(self) -> bool:
        return self.thumbnails == "keep"

    def value(self, one: Option) -> Any:
        return getattr(getattr(self, one.group) if one.group else self, one.name)

    def _options_about(self, *about: str) -> list[Option]:
        """Return the options about these matters, without those that need another one which is not given."""
        table = {one.name: one for one in self.table()}
        needed = {one.name: table[one.needs] for one in table.values() if one.needs}
        idle = {name for name, other in needed.items() if self.value(other) == other.default}
        return [one for one in table.values() if one.says in about and one.name not in idle]

    @property
    def parameters(self) -> dict[str, Any]:
        """What decides the results, as the manifest has it: by name, or by group and name."""
        parameters: dict[str, Any] = {}
        for one in self._options_about(RESULTS):
            place = parameters.setdefault(one.group, {}) if one.group else parameters
            place[one.name] = self.value(one)
        return parameters

    def fingerprint(self, extractor_fingerprint: str) -> str:
        """Return the sha256 of parameters and extractor, wherever that lies: equal means the same run."""
        deciding = {name: value for name, value in self.parameters.items() if name != "extractor"}
        text = json.dumps([deciding, extractor_fingerprint], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def arguments(self, *about: str) -> list[str]:
        """Return `run` and the words that ask for this run, about these matters or about all."""
        options = self._options_about(*(about or (RESULTS, PLACE, ATTEMPT)))
        return ["run", *option_words(options, {one.name: self.value(one) for one in options})]

    def described(self) -> dict[str, str]:
        """Return what decides the results as a person reads it: label -> value; without what is not given."""
        texts = [(one, one.text(self.value(one))) for one in self._options_about(RESULTS)]
        return {one.label or one.name.replace("_", " "): text for one, text in texts if text}
