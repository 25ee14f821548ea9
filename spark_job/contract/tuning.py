"""What a tuning measured: `tune.json`, written by the tuning, read by its report (docs/analyses/tune.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

FORMAT = 1


@dataclass(frozen=True)
class Measurement:
    """One run of the featurization."""

    executors: int
    cores: int  # of each executor
    images: int
    seconds: float  # wall time of the featurization
    images_per_second: float
    speed_up: float  # how many times as fast as the serial process
    efficiency: float  # speed-up by core of all executors
    usd_per_million_images: float
    run: str  # its id

    @property
    def all_cores(self) -> int:
        return self.executors * self.cores

    @property
    def name(self) -> str:
        """`2 x 1`: executors x cores of each."""
        return f"{self.executors} x {self.cores}"


@dataclass(frozen=True)
class FittedLine:
    """`fixed_seconds + slope x`, by least squares; `r_squared` is None where nothing varies."""

    fixed_seconds: float
    slope: float
    r_squared: float | None

    def at(self, x: float) -> float:
        return self.fixed_seconds + self.slope * x


@dataclass(frozen=True)
class Tuning:
    """Everything that a tuning measured."""

    place: Mapping[str, str]  # where it was measured, name -> value as people read it
    images: int  # of each run of the grid
    serial_seconds: float  # wall time of one plain process on as many images
    grid: Sequence[Measurement]  # executors x cores, each on the same images
    sizes: Sequence[Measurement]  # one pair of executors and cores with a quarter, half and all of the images
    by_images: FittedLine  # x is images
    by_cores: FittedLine  # x is 1 / cores of all executors
    recommended: Measurement | None  # None where the start of the workers decides the times
    telling_images: int | None = None  # how many images a sample should have then; None where these tell

    @property
    def configuration(self) -> dict[str, int]:
        """Fields of the deployment's configuration that make the recommendation its own, if there is one."""
        if self.recommended is None:
            return {}
        return {"executors": self.recommended.executors, "executor_cores": self.recommended.cores}

    @property
    def too_small(self) -> str:
        """Say why nothing is recommended, and which sample would tell; empty: something is."""
        if self.telling_images is None:
            return ""
        largest = self.sizes[-1]
        return (
            f"nothing is recommended: too much of the {largest.seconds:.1f} s that {largest.images:,} images "
            f"take with {largest.name} is the start of the workers, which tells nothing of executors; about "
            f"{self.telling_images:,} images would tell: --sample={self.telling_images}"
        )

    def as_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self), "configuration": self.configuration}
