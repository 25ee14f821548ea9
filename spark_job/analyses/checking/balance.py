"""How balanced an archive is: images of each class, kinds of one thing, angles missing from a turn.

Fruits-360 names the pictures of a turning fruit `32_100.jpg`, `r_32_100.jpg` (about another axis),
`r0_32.jpg`.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

from spark_job.analyses.runs import VectorTable
from spark_job.contract.uris import last_name
from spark_job.features.table import read_labelled
from spark_job.report.document import Block, Number, Section, Table
from spark_job.report.words import count, percent

ANGLE = re.compile(r"(?:(r\d?)_)?(\d{1,4})_100|(r\d)_(\d{1,4})")
LEAST_ANGLES = 20  # with fewer pictures a turn cannot be told from numbers that mean nothing
ROWS_SHOWN = 30


@dataclass
class Composition:
    """What an archive is made of; no empty class and no empty split."""

    classes: Counter[str] = field(default_factory=Counter)  # class -> images
    splits: Counter[str] = field(default_factory=Counter)  # split -> images
    # (class, name of the turn) -> a number whose bits are the angles that are there
    turns: dict[tuple[str, str], int] = field(default_factory=dict)

    def __add__(self, other: "Composition") -> "Composition":
        keys = self.turns.keys() | other.turns.keys()
        turns = {key: self.turns.get(key, 0) | other.turns.get(key, 0) for key in keys}
        return Composition(self.classes + other.classes, self.splits + other.splits, turns)


def composition(table: VectorTable, uri: str) -> Composition:
    """Count the images of one part."""
    found = Composition()
    for batch in read_labelled(uri, ("path", "label", "split"), table.label):
        columns = (batch.column(name).to_pylist() for name in ("path", "label", "split"))
        for path, label, split in zip(*columns, strict=True):
            found.splits[split] += 1
            found.classes[label] += 1
            if named := ANGLE.fullmatch(last_name(path).rpartition(".")[0]):
                key = label, named[1] or named[3] or ""
                found.turns[key] = found.turns.get(key, 0) | 1 << int(named[2] or named[4])
    del found.splits[""], found.classes[""]
    return found


@dataclass(frozen=True)
class Turn:
    """The pictures of one turn of a fruit."""

    label: str
    name: str  # what its files begin with, as `r`; may be empty
    angles: int  # how many there are
    missing: int  # how many lack between the first and the last
    widest: str  # the largest gap, as `39 to 47`; empty: there is none


@dataclass(frozen=True)
class Balance:
    """How evenly the images lie in classes."""

    classes: dict[str, int]  # class -> images, the smallest first
    kinds: dict[str, tuple[int, int]]  # first word of several classes -> (classes, images), most images first
    turns: Sequence[Turn]  # those with most angles missing first

    @classmethod
    def of(cls, found: Composition, sampled: bool = False) -> "Balance":
        """Derive it from the counts of all images; a sample has no whole turns."""
        classes = dict(sorted(found.classes.items(), key=lambda one: (one[1], one[0])))
        numbers, kinds = Counter[str](), Counter[str]()
        for label, images in classes.items():
            letters = re.search(r"[^\W\d_]+", label)  # what like names share: `apple` of `Apple Red 1`
            word = letters[0].casefold() if letters else label
            numbers[word] += 1
            kinds[word] += images
        turns = []
        for (label, name), bits in found.turns.items():
            if label and bits.bit_count() >= LEAST_ANGLES and not sampled:
                pairs = list(pairwise(angle for angle in range(bits.bit_length()) if bits >> angle & 1))
                step = median(last - first for first, last in pairs)  # the usual distance of two pictures
                lacking = {pair: max(round((pair[1] - pair[0]) / step) - 1, 0) for pair in pairs}
                before, after = max(lacking, key=lambda pair: lacking[pair])
                missing = sum(lacking.values())
                widest = f"{before} to {after}" if missing else ""
                turns.append(Turn(label, name, bits.bit_count(), missing, widest))
        return cls(
            classes,
            {word: (numbers[word], images) for word, images in kinds.most_common() if numbers[word] > 1},
            sorted(turns, key=lambda turn: (-turn.missing, turn.label, turn.name)),
        )

    @property
    def image_count(self) -> int:
        return sum(self.classes.values())

    @property
    def incomplete_turns(self) -> list[Turn]:
        return [turn for turn in self.turns if turn.missing]

    def figures(self) -> dict[str, Any] | None:
        """Return what metrics.json says; None: no image has a class."""
        if not self.classes:
            return None
        counts = list(self.classes.values())
        word, (classes, images) = next(iter(self.kinds.items()), ("", (0, 0)))
        kind = {"name": word, "classes": classes, "share": images / self.image_count}
        return {
            "classes": len(counts),
            "smallest": counts[0],
            "median": median(counts),
            "largest": counts[-1],
            "largest_kind": kind if word else None,
            "turns": len(self.turns),
            "turns_with_missing_angles": len(self.incomplete_turns),
        }


def balance_lines(balance: Balance) -> list[tuple[str, str]]:
    """Return what a person reads at the end of a check; nothing when no image has a class."""
    counts = list(balance.classes.values())
    if not counts:
        return []
    sizes = f"of {count(counts[0])} to {count(counts[-1])} images, median {median(counts):,g}"
    lines = [("classes", f"{count(len(counts))}, {sizes}")]
    for word, (classes, images) in list(balance.kinds.items())[:1]:
        named = f"{count(classes)} of {count(len(counts))} classes begin with {word}"
        lines.append(("alike", f"{named}: {percent(images / balance.image_count)} of the images"))
    if turns := len(balance.turns):
        incomplete = f"{count(len(balance.incomplete_turns))} with angles missing"
        lines.append(("turns", f"{count(turns)}, {incomplete}"))
    return lines


def balance_sections(balance: Balance) -> list[Section]:
    """Return the part of the report about it; none when no image has a class."""
    blocks: list[Block] = [f"{name.capitalize()}: {text}." for name, text in balance_lines(balance)]
    if balance.kinds:
        kinds = [
            (word, *map(Number, (count(classes), count(images), percent(images / balance.image_count))))
            for word, (classes, images) in list(balance.kinds.items())[:ROWS_SHOWN]
        ]
        columns = ["First word", "Classes", "Images", "Share"]
        blocks.append(Table("Classes with the same first word", columns, kinds))
    if balance.incomplete_turns:
        turns = [
            (turn.label, turn.name, Number(count(turn.angles)), Number(count(turn.missing)), turn.widest)
            for turn in balance.incomplete_turns[:ROWS_SHOWN]
        ]
        columns = ["Class", "Turn", "Angles", "Missing between them", "Widest gap"]
        blocks.append(Table("Turns with angles missing", columns, turns))
    return [Section("Balance", blocks)] if blocks else []
