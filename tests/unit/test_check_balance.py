"""How balanced an archive is, of tables with names alone."""

import pyarrow as pa
import pyarrow.parquet as pq

from spark_job.analyses.checking.balance import (
    Balance,
    Composition,
    balance_lines,
    balance_sections,
    composition,
)
from spark_job.analyses.runs import Summary, VectorTable

APPLES = {"Apple Red 1": 40, "apple_6": 30, "Apple Golden": 25, "Pear": 5}


def counted(folder, *parts: list[tuple[str, str, str]]) -> Composition:
    """What is found in parts, whose rows are (path, label, split)."""
    found = Composition()
    for number, rows in enumerate(parts):
        uri = str(folder / f"{number}.parquet")
        columns = dict(zip(("path", "label", "split"), zip(*rows, strict=True), strict=True))
        pq.write_table(pa.table({name: list(column) for name, column in columns.items()}), uri)
        found += composition(VectorTable((uri,), "", 1), uri)
    return found


def shown(balance: Balance) -> list[str]:
    return Summary(balance_lines(balance), {}).as_text().splitlines()


def test_sizes_of_classes_and_the_share_of_like_names_are_told(tmp_path):
    """Three of four classes are apples, however they are written; images without a class do not count."""
    rows = [(f"/a/{label}/{n}.jpg", label, "") for label, images in APPLES.items() for n in range(images)]
    balance = Balance.of(counted(tmp_path, [*rows, ("/a/1.jpg", "", "")]))
    assert shown(balance) == [
        "classes   4, of 5 to 40 images, median 27.5",
        "alike     3 of 4 classes begin with apple: 95.0 % of the images",
    ]
    assert balance.figures() == {
        "classes": 4,
        "smallest": 5,
        "median": 27.5,
        "largest": 40,
        "largest_kind": {"name": "apple", "classes": 3, "share": 0.95},
        "turns": 0,
        "turns_with_missing_angles": 0,
    }


def test_angles_missing_from_a_turn_are_told(tmp_path):
    """A turn lies in both splits; another one of the class, about another axis, is whole in steps of four."""
    angles = [n for n in range(100) if not 40 <= n < 47 and n != 90]
    turned = [(f"/a/Training/Fig/{n}_100.jpg", "Fig", "Training") for n in angles if n % 4]
    tested = [(f"/a/Test/Fig/{n}_100.jpg", "Fig", "Test") for n in angles if not n % 4]
    whole = [(f"/a/Training/Fig/r0_{n}.jpg", "Fig", "Training") for n in range(0, 300, 4)]
    found = counted(tmp_path, [*turned, *whole], tested)
    assert found.splits == {"Training": 69 + 75, "Test": 23}
    balance = Balance.of(found)
    (turn,) = balance.incomplete_turns
    assert (turn.name, turn.angles, turn.missing, turn.widest) == ("", 92, 8, "39 to 47")
    assert shown(balance)[1:] == ["turns     2, 1 with angles missing"]
    assert Balance.of(found, sampled=True).turns == []


def test_without_classes_there_is_nothing_to_say(tmp_path):
    """No line, no section, null in metrics.json."""
    balance = Balance.of(counted(tmp_path, [("/a/1_100.jpg", "", "")]))
    assert (balance.figures(), balance_lines(balance), balance_sections(balance)) == (None, [], [])
