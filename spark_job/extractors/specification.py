"""An extractor: its folder, here or in S3, and `extractor.json`, what its network takes and gives."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spark_job.contract.extractor_files import SPECIFICATION
from spark_job.errors import ExtractorError

if TYPE_CHECKING:  # the decoder's process imports this module, and needs no store
    from spark_job.storage import Folder

FORMAT = 1
# How this version of the job makes a network's input of a photograph; higher with each change that features
# show. 1: every JPEG at full size. 2: at the scale that is enough (docs/decisions/0006).
PREPARATION = 2


@dataclass(frozen=True)
class Weights:
    """Where the network's numbers come from."""

    name: str  # "imagenet", "file" (given, unknown), "random", "none"
    source: str
    license: str
    sha256: str | None = None
    random_seed: int | None = None  # of random weights, or of random dense layers on real weights


@dataclass(frozen=True)
class ExtractorSpecification:
    """Everything a worker needs to know of a network.

    An image enters as float32 (height, width, 3), channels in `channel_order`, each channel c as
    `(pixel - pixel_mean[c]) / pixel_scale[c]` with pixel in 0..255; it leaves as float32 (feature_length,).
    """

    model: str
    height: int
    width: int
    feature_length: int
    channel_order: Literal["RGB", "BGR"]
    pixel_mean: tuple[float, float, float]
    pixel_scale: tuple[float, float, float]
    weights: Weights
    layer: str | None = None
    pooling: Literal["avg", "max"] | None = None
    dense: tuple[int, ...] = ()
    interpolation: Literal["bilinear"] = "bilinear"
    parameters: int = 0
    files: dict[str, str] | None = None  # file name -> sha256
    built_with: dict[str, str] | None = None  # package -> version
    format: int = FORMAT

    @property
    def name(self) -> str:
        """The model with its layer or pooling, for people: `vgg16 (fc2)`."""
        details = [part for part in (self.layer, self.pooling and f"{self.pooling} pooling") if part]
        if self.dense:
            details.append("dense " + ",".join(map(str, self.dense)))
        return f"{self.model} ({', '.join(details)})" if details else self.model

    @property
    def fingerprint(self) -> str:
        """sha256 of the specification, file hashes included, and PREPARATION; equal means equal features."""
        return self._fingerprint(PREPARATION)

    def difference(self, fingerprint: str) -> str:
        """Return what features of that fingerprint are of, if not of this extractor; empty: they are."""
        if fingerprint == self.fingerprint:
            return ""
        if fingerprint in map(self._fingerprint, range(1, PREPARATION)):
            return "photographs that an earlier version of this job prepared in another way"
        return "another extractor"

    def _fingerprint(self, preparation: int) -> str:
        comparable = {key: value for key, value in asdict(self).items() if key != "built_with"}
        if preparation > 1:
            comparable["preparation"] = preparation
        return hashlib.sha256(json.dumps(comparable, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, origin: str) -> "ExtractorSpecification":
        """Read `extractor.json`; ExtractorError: no JSON, another format, missing or unknown fields."""
        try:
            values: dict[str, Any] = json.loads(text)
            if values.get("format") != FORMAT:
                raise ExtractorError(
                    f"{origin} has format {values.get('format')!r}; this version reads {FORMAT}: "
                    "build the extractor again with `fruit extractor build`"
                )
            known = {field.name for field in fields(cls)}
            if unknown := sorted(set(values) - known):
                raise ExtractorError(f"{origin} has unknown fields {unknown}: build it again")
            values["weights"] = Weights(**values["weights"])
            for key in ("pixel_mean", "pixel_scale", "dense"):
                values[key] = tuple(values[key])
            return cls(**values)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ExtractorError(f"{origin} is not an extractor.json: {error}") from error


@dataclass(frozen=True)
class Extractor:
    """An extractor whose specification was read; its files are fetched when asked for."""

    folder: "Folder"
    specification: ExtractorSpecification

    @classmethod
    def open(cls, folder: "Folder") -> "Extractor":
        """Read a folder's `extractor.json`; ExtractorError: there is none, or it cannot be read."""
        text = folder.read(SPECIFICATION)
        if text is None:
            advice = f"make one with `fruit extractor build MODEL --out {folder.uri}`"
            below = (folder.at(name) for name in sorted(folder.folder_names()))
            if made := next((one for one in below if one.read(SPECIFICATION) is not None), None):
                advice = f"did you mean {made.uri}?"
            raise ExtractorError(f"{folder.uri} is no extractor: it has no {SPECIFICATION}; {advice}")
        return cls(folder, ExtractorSpecification.from_json(text, folder.child(SPECIFICATION)))

    def fetch(self, name: str, into: Path) -> Path:
        """Return a copy of a file, named by its content; ExtractorError: it is missing or damaged."""
        expected = (self.specification.files or {}).get(name)
        content = self.folder.read(name)
        if content is None or expected is None:
            raise ExtractorError(f"{self.folder.uri} has no {name}: build the extractor again")
        if hashlib.sha256(content).hexdigest() != expected:
            raise ExtractorError(f"{self.folder.child(name)} is damaged (sha256 differs): build it again")
        target = into / f"{expected[:16]}-{name}"
        target.write_bytes(content)
        return target
