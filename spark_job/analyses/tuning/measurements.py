"""What `operate tune` measured, as its tune.json says it (docs/analyses/tune.md)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spark_job.errors import MisuseError

FORMAT = 1


@dataclass(frozen=True)
class Point:
    """One run of the featurization.

    Attributes:
        cores: of each executor.
        seconds: wall time of the featurization.
        speed_up: against the serial process on the same number of images.
        efficiency: speed-up by core.
        run: its id.
    """

    executors: int
    cores: int
    images: int
    seconds: float
    images_per_second: float
    speed_up: float
    efficiency: float
    usd_per_million_images: float
    run: str

    @property
    def all_cores(self) -> int:
        """Of all executors together."""
        return self.executors * self.cores

    @property
    def name(self) -> str:
        """`2 x 1`: executors x cores."""
        return f"{self.executors} x {self.cores}"


@dataclass(frozen=True)
class Line:
    """`fixed_seconds + slope x`, fitted by least squares; `r_squared` is None where nothing varies."""

    fixed_seconds: float
    slope: float
    r_squared: float | None

    def at(self, x: float) -> float:
        """Seconds."""
        return self.fixed_seconds + self.slope * x


@dataclass(frozen=True)
class Tuning:
    """One tuning.

    Attributes:
        place: where it was measured, name -> value as it is to be read.
        grid: executors x cores, each on the same images.
        sizes: one point of the grid with a quarter, half and all of the images.
        by_images: x is images.
        by_cores: x is 1 / cores of all executors.
    """

    place: Mapping[str, str]
    images: int
    serial_seconds: float
    grid: Sequence[Point]
    sizes: Sequence[Point]
    by_images: Line
    by_cores: Line
    recommended: Point

    @property
    def parameters(self) -> dict[str, Any]:
        """For run.json and the report."""
        return {**self.place, "images": str(self.images)}

    @property
    def metrics(self) -> dict[str, Any]:
        """`metrics.json`."""
        best = self.recommended
        return {
            "tuning": {
                "executors": best.executors,
                "cores": best.cores,
                "images_per_second": best.images_per_second,
                "speed_up": best.speed_up,
                "efficiency": best.efficiency,
                "usd_per_million_images": best.usd_per_million_images,
            }
        }


def read_measurements(content: bytes, name: str) -> Tuning:
    """The tuning in a tune.json.

    Args:
        name: of the file, for the message.

    Raises:
        MisuseError: it is no such file, or of another version.
    """
    try:
        told = json.loads(content)
        if told["format"] != FORMAT:
            raise MisuseError(f"{name} has format {told['format']!r}, not {FORMAT}: tune again")
        return Tuning(
            place=told["place"],
            images=told["images"],
            serial_seconds=told["serial_seconds"],
            grid=[Point(**each) for each in told["grid"]],
            sizes=[Point(**each) for each in told["sizes"]],
            by_images=Line(**told["by_images"]),
            by_cores=Line(**told["by_cores"]),
            recommended=Point(**told["recommended"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise MisuseError(f"{name} is no tune.json of `operate tune`: {error!r}") from error
