"""From moments of samples to numbers of components, for shares of the variance, raw and standardised."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median

from spark_job.contract.run_options import ComponentRequest
from spark_job.reduction.moments import Moments
from spark_job.reduction.principal_components import component_count, spectrum

Counts = dict[bool, dict[float, int]]  # standardised -> share of the variance -> components


def components_needed(moments: Moments, shares: Sequence[float]) -> Counts:
    """Return how many components hold each share.

    Args:
        moments: of the sample; with d columns the spectrum takes O(d^3), twice.
        shares: of the variance, each above 0, at most 1.

    Raises:
        NoVarianceError: all rows are equal, or there is one row.
    """
    needed: Counts = {}
    for standardize in (False, True):
        ratio = spectrum(moments, standardize)
        needed[standardize] = {
            share: component_count(ratio, ComponentRequest(share), len(ratio)) for share in shares
        }
    return needed


@dataclass(frozen=True)
class Step:
    """One size of sample.

    Attributes:
        per_class: images of each class, at most; None for all images.
        image_count: in the sample.
        components: what each seed's sample gave; one entry for all images.
    """

    per_class: int | None
    image_count: int
    components: Sequence[Counts]

    @property
    def name(self) -> str:
        """`10`, `all`."""
        return "all" if self.per_class is None else str(self.per_class)

    def spread(self, standardized: bool, share: float) -> tuple[int, float, int]:
        """Return the (smallest, median, largest) number of components over the seeds."""
        counts = [one[standardized][share] for one in self.components]
        return min(counts), median(counts), max(counts)


def settled(steps: Sequence[Step], standardized: bool, share: float) -> float:
    """Return the components of the largest sample / those of all images: 1 where the number has settled."""
    if len(steps) < 2:
        return 1.0
    last = mean(one[standardized][share] for one in steps[-2].components)
    return last / steps[-1].components[0][standardized][share]


def figures(steps: Sequence[Step], shares: Sequence[float]) -> Mapping[str, object]:
    """Return `convergence` of metrics.json: kind -> share -> sample -> components by seed."""
    return {
        kind: {
            f"{share:.2f}": {
                step.name: [one[standardized][share] for one in step.components] for step in steps
            }
            for share in shares
        }
        for kind, standardized in (("raw", False), ("standardized", True))
    }
