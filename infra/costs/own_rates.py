"""Rates that finished runs of a deployment had: a plan prefers them to those that the project measured."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

# Of the photographs that a plan speaks of. A run tells of those that have up to four times as many pixels, or
# as few.
MEGAPIXELS = {"small": 0.01, "phone": 12.0}
ALIKE = 4.0
# A run that computed fewer images tells how its workers start, not at what rate they compute.
FEWEST_IMAGES = 2_000


@dataclass(frozen=True)
class OwnRate:
    """What one run did.

    Attributes:
        families: of its cluster's machines, ascending.
        megapixels: of its images, on average.
        images_per_second: of one core, while it worked on images.
    """

    run: str
    created: datetime
    model: str
    families: tuple[str, ...]
    megapixels: float
    images_per_second: float

    def tells_of(self, model: str, families: Collection[str], photographs: str | None) -> bool:
        """Return whether it was the same network, the kind of photographs, and machines of these families."""
        times = self.megapixels / MEGAPIXELS[photographs] if photographs else 1.0
        return self.model == model and set(self.families) <= set(families) and 1 / ALIKE <= times <= ALIKE

    @property
    def source(self) -> str:
        """Where the rate is from, for people."""
        return (
            f"from run {self.run} of {self.created.date()} ({self.images_per_second:.1f} images/s a core on "
            f"{' and '.join(self.families)}, images of {self.megapixels:.2g} megapixels)"
        )


def latest_rate(
    rates: Iterable[OwnRate], model: str, families: Collection[str], photographs: str | None = None
) -> OwnRate | None:
    """Return the rate of the latest run that tells of this; None: none does.

    Args:
        photographs: `small` or `phone`; None: of whatever size the deployment's images have.
    """
    telling = [rate for rate in rates if rate.tells_of(model, families, photographs)]
    return max(telling, key=lambda rate: rate.created, default=None)
