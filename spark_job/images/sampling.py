"""Which of the listed images take part, and which are shown: classes by pattern, balanced samples."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from hashlib import blake2b
from heapq import heappush, heappushpop
from math import sqrt
from typing import Generic, TypeVar

Item = TypeVar("Item")


def matches_any(label: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a class fits a pattern, in any case, or has exactly its name; without any, all do."""
    folded = label.casefold()
    return not patterns or any(
        folded == pattern.casefold() or fnmatchcase(folded, pattern.casefold()) for pattern in patterns
    )


def quotas(
    counts: Mapping[str, int], total: int | None = None, per_class: int | None = None
) -> dict[str, int]:
    """Return how many images of each class a sample takes, spread as evenly as the classes allow.

    What is left over when all classes are level goes to the first ones by name.
    """
    wanted = {label: min(count, per_class or count) for label, count in sorted(counts.items())}
    if total is None or sum(wanted.values()) <= total:
        return wanted
    level, left = 0, total
    while left >= (open_classes := sum(count > level for count in wanted.values())):
        level, left = level + 1, left - open_classes
    result = {label: min(count, level) for label, count in wanted.items()}
    for label in [label for label, count in wanted.items() if count > level][:left]:
        result[label] += 1
    return result


def draw(seed: int, path: str) -> int:
    """Return a number of 64 bits that decides who is in the sample: the smallest of each class are."""
    return int.from_bytes(blake2b(f"{seed}/{path}".encode(), digest_size=8).digest())


def shown_shares(candidates: Mapping[str, int], selected: Mapping[str, int], total: int) -> dict[str, float]:
    """Return class -> the share of its smallest draws that a later sample takes, and some for rejections."""
    return {
        label: min((quota + 2 * sqrt(quota) + 2) / candidates[label], 1) if quota < selected[label] else 1
        for label, quota in quotas(selected, total).items()
    }


def is_shown(label: str, path: str, seed: int, shares: Mapping[str, float]) -> bool:
    """Return whether the draw of an image is among the smallest of its class, by `shown_shares`."""
    return draw(seed, path) < shares.get(label, 0) * 2**64


class Sample(Generic[Item]):
    """The images of each class with the smallest draws; which ones depends on seed and paths alone."""

    def __init__(self, class_quotas: Mapping[str, int], seed: int) -> None:
        self._quotas, self._seed = class_quotas, seed
        # Heaps of (-draw, path, item): the largest draw of a class comes first.
        self._taken: dict[str, list[tuple[int, str, Item]]] = {}

    def offer(self, label: str, path: str, item: Item) -> None:
        """Take the image if its draw is among the smallest so far."""
        entry, quota = (-draw(self._seed, path), path, item), self._quotas.get(label, 0)
        taken = self._taken.setdefault(label, [])
        if len(taken) < quota:
            heappush(taken, entry)
        elif quota and entry > taken[0]:
            heappushpop(taken, entry)

    def largest_draws(self) -> dict[str, int]:
        """Return class -> the largest draw that was taken: whoever has a smaller one is in the sample."""
        return {label: -taken[0][0] for label, taken in self._taken.items() if taken}

    def items(self) -> Iterator[Item]:
        """Return what is in the sample, by class and path."""
        for _, taken in sorted(self._taken.items()):
            yield from (item for _, _, item in sorted(taken, key=lambda entry: entry[1]))
