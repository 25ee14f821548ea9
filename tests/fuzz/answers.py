"""Damaged files through the decoder's process as a run sends them, and what is wrong with an answer."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import psutil

from spark_job.contract.run_options import ImageLimits
from spark_job.extractors.specification import ExtractorSpecification, Weights
from spark_job.images.isolation import Order
from spark_job.images.preparation import MAX_THUMBNAIL_BYTES, Prepared, prepared_images
from tests.fuzz.mutation import mutant
from tests.fuzz.seeds import begins_as

SPECIFICATION = ExtractorSpecification(
    "tiny", 8, 8, 12, "RGB", (127.5,) * 3, (127.5,) * 3, Weights("none", "", "")
)
LIMITS = ImageLimits(max_pixels=4_000_000, max_seconds=5)
LONGEST_LINE = 300  # characters
# What only a programmer understands: errors, names and values as Python and libraries write them.
INTERNAL = re.compile(
    r"Traceback|Error\b|Exception\b|\bNone|object at|<_io|0x[0-9a-f]|\\x|\bb['\"]|\w_\w|\(\)|[vV]ips"
    r"|\b[a-z]+[A-Z]|\b[A-Z][a-z]+[A-Z][a-z]+[A-Z]|cannot identify|subscript|codec can|not enough values"
    r"|\b(struct|index out|unpack requires|tuple|list|dict|int|str|argument|buffer|broadcast|unicode|NULL)\b"
)


def answers(contents: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes, np.ndarray, Prepared]]:
    """Yield each file's number and content, its tensor until the next is asked for, and what became of it."""
    orders = (((number, content), Order(content, thumbnail=True)) for number, content in contents)
    for (number, content), prepared, tensor in prepared_images(orders, SPECIFICATION, LIMITS):
        yield number, content, tensor, prepared
        tensor[:] = np.nan  # whatever is not written next time shows


@dataclass
class Outcome:
    """What became of mutants of one kind.

    Attributes:
        answers: answer, its numbers as N -> how often.
        faults: what is wrong with an answer -> the numbers of the mutants.
    """

    kind: str
    answers: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[int]] = field(default_factory=dict)

    def __str__(self) -> str:
        """Tell each fault once, with the command that shows it again."""
        return "\n".join(
            f"{len(numbers):,} of {self.kind}: {wrong}; again: python -m tests.fuzz {self.kind} {numbers[0]}"
            for wrong, numbers in self.faults.items()
        )

    def run(self, numbers: Iterable[int]) -> None:
        """Send these mutants to the decoder, and judge its answers."""
        mutants = ((number, mutant(self.kind, number)) for number in numbers)
        for number, content, tensor, prepared in answers(mutants):
            self.answers[_without_numbers(prepared.error or "usable")] += 1
            wrong = fault(content, self.kind, tensor, prepared)
            if wrong:
                self.faults.setdefault(_without_numbers(wrong), []).append(number)


def _without_numbers(text: str) -> str:
    return re.sub(r"\d[\d,.]*", "N", re.sub(r"b'[^']*'|0x[0-9a-f]+", "…", text))


def fault(content: bytes, kind: str, tensor: np.ndarray, prepared: Prepared) -> str | None:
    """Return what is wrong with an answer, or None."""
    if prepared.error is None:
        if not (np.isfinite(tensor).all() and np.abs(tensor).max() <= 1.0001):
            return "usable, but its tensor is not whole"
        if not (
            prepared.width and prepared.height and 0 < prepared.width * prepared.height <= LIMITS.max_pixels
        ):
            return f"usable, but {prepared.width} x {prepared.height} pixels"
        if not 0 < prepared.seconds < LIMITS.max_seconds:
            return f"usable, but in {prepared.seconds} seconds"
        if not (prepared.thumbnail and len(prepared.thumbnail) <= MAX_THUMBNAIL_BYTES):
            return f"usable, but its thumbnail is {prepared.thumbnail and prepared.thumbnail[:20]!r}"
    said = prepared.damage if prepared.error is None else prepared.error
    return None if said is None else fault_of_words(said, begins_as(kind, content))


def fault_of_words(said: str, begins: bool) -> str | None:
    """Return what is wrong with a reason or words about damage; `begins`: the file begins as an image."""
    if not 5 < len(said) <= LONGEST_LINE or not said.isprintable():
        return f"no line of a sane length: {said!r}"
    if INTERNAL.search(said):
        return f"a line that only a programmer understands: {said!r}"
    if begins and "not an image" in said:
        return f"it begins as an image, but {said!r}"
    return None


def decoders() -> list[psutil.Process]:
    """The decoders of this process that live."""
    return [
        one
        for one in psutil.Process().children()
        if one.status() != psutil.STATUS_ZOMBIE and "images.isolation" in " ".join(one.cmdline())
    ]
