"""What one run of the benchmark measures: contenders, sizes, rounds."""

from dataclasses import dataclass
from importlib.util import find_spec

# In the order of a round.
CONTENDERS = {
    "a": "bare engine",
    "b": "this job",
    "g": "this job from S3",
    "d": "Daft",
    "e": "Ray Data",
    "c": "notebook",
    "f": "reduction",
}
PACKAGES = {"c": "tensorflow", "d": "daft", "e": "ray"}
# The notebook is several times slower; fewer images give its slope as well.
NOTEBOOK_SHARE = 5
# Of N: with fewer images the slope is noise.
MINIMUM_COUNT = 2_500


@dataclass(frozen=True)
class Plan:
    """Contenders, sizes and repetitions.

    Attributes:
        contenders: keys of CONTENDERS.
        count: N; a steady rate is the slope between N and 3N images.
        rounds: every contender runs once a round, in turn.
        reduction_rows: rows of the features that are reduced.
    """

    contenders: frozenset[str] = frozenset(CONTENDERS)
    count: int = 4_000
    rounds: int = 3
    reduction_rows: int = 20_000

    @classmethod
    def with_this_job(cls, contenders: frozenset[str], count: int, rounds: int) -> "Plan":
        """Return a plan that also has this job where a peer is measured: every ratio is to it."""
        needed = {"b"} if contenders & set("acdeg") else set()
        return cls(contenders | needed, count, rounds)

    def sizes(self, contender: str) -> tuple[int, ...]:
        """Return how many images each of its runs takes, once a round."""
        if contender in "ag":
            return (3 * self.count,)
        count = self.count // NOTEBOOK_SHARE if contender == "c" else self.count
        return count, 3 * count

    @property
    def is_complete(self) -> bool:
        """Whether it measures everything, on enough images."""
        return self.contenders == frozenset(CONTENDERS) and self.count >= MINIMUM_COUNT

    @property
    def image_contenders(self) -> list[str]:
        """Those that turn images into features, in the order of a round."""
        return [key for key in CONTENDERS if key in self.contenders and key != "f"]


def missing_package(contender: str) -> str | None:
    """Return the package without which a contender cannot run here, or None."""
    package = PACKAGES.get(contender)
    return package if package and find_spec(package) is None else None
