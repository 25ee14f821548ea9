"""When a photograph is found wanting; defaults are CleanVision's where it has them."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

from spark_job.contract.errors import MisuseError


@dataclass(frozen=True)
class Thresholds:
    """Scores run from 0 (bad) to 1; below the threshold is a finding.

    Attributes:
        dark: brightness that 99 % of the pixels stay below.
        light: 1 - brightness that 95 % of the pixels are above.
        low_information: entropy / 10 bits.
        blurry: of the deviation of the edges and of the histogram.
        odd_aspect_ratio: shorter / longer side.
        odd_size: how many interquartile ranges beyond the quartiles the square root of the area may be.
        unusual: the same for the distance to the centre of the class.
        leak: cosine from which images of two splits are nearly the same; this job's own.
    """

    dark: float = 0.32
    light: float = 0.05
    low_information: float = 0.3
    blurry: float = 0.29
    odd_aspect_ratio: float = 0.35
    odd_size: float = 3.0
    unusual: float = 3.0
    leak: float = 0.98

    @classmethod
    def given(cls, changes: Iterable[str]) -> "Thresholds":
        """Return the defaults with changes, each `NAME=VALUE`.

        Raises:
            MisuseError: an unknown name, or no number.
        """
        names, values = [field.name for field in fields(cls)], {}
        for change in changes:
            name, _, value = change.partition("=")
            if name not in names:
                raise MisuseError(f"--threshold {change!r}: write NAME=VALUE with one of {', '.join(names)}")
            try:
                values[name] = float(value)
            except ValueError:
                raise MisuseError(f"--threshold {change!r}: {value!r} is not a number") from None
        return cls(**values)

    def figures(self) -> dict[str, float]:
        """Return name -> value."""
        return asdict(self)
