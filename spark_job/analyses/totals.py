"""Partial results of Spark tasks that add up: totals by key, and the few items that come first."""

from collections.abc import Iterable
from heapq import nsmallest
from itertools import chain
from operator import itemgetter
from typing import Any, ClassVar, Self, TypeVar

Key = TypeVar("Key")
Total = TypeVar("Total")


class Sums(dict[Key, Total]):
    """Totals by key; they add up key by key."""

    def __add__(self, other: "Sums[Key, Any]") -> "Sums[Key, Any]":
        both = {key: self[key] + other[key] for key in self.keys() & other.keys()}
        return Sums({**self, **other, **both})


class First(tuple[Any, ...]):
    """Pairs of a rank and an item: those of the smallest ranks, in order, at most `most`; they add up."""

    most: ClassVar[int]

    def __new__(cls, ranked: Iterable[tuple[Any, Any]] = ()) -> Self:
        return super().__new__(cls, nsmallest(cls.most, ranked, key=itemgetter(0)))

    def __add__(self, other: Iterable[tuple[Any, Any]]) -> Self:  # type: ignore[override]
        return type(self)(chain(self, other))
