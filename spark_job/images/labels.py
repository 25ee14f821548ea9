"""Where the labels of images come from: a rule over folders, or a table with a row for each `path`.

An image takes the other columns along, under their names; `label`, or else the first of them, is its class.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from obstore.exceptions import BaseError

from spark_job.contract.erasure import CONSENT, CONTRIBUTOR
from spark_job.contract.errors import MisuseError
from spark_job.contract.foreign_texts import of_spreadsheet_cell
from spark_job.contract.image_names import FOLDER, NO_LABELS, extension_of, is_table, label_and_split
from spark_job.contract.uris import child
from spark_job.storage import first_line, read_bytes, reason_of_all

PATH, SPLIT, LABEL = "path", "split", "label"
ABOUT = ("source", CONTRIBUTOR, CONSENT)  # of an image's origin: not its class unless asked for
INDEX = "__index_level_"  # pandas adds such a column

Values = Sequence[str | None]
Row = tuple[str | None, str | None, Values]  # label, split, values of the columns


@dataclass(frozen=True)
class Labels:
    """Says of an image its class, its split, and what the other columns of a table say."""

    rule: str = FOLDER  # of `label_and_split`, or the URI of a table
    label: str = ""  # the column of the table that is the class; empty: there is no table
    columns: tuple[str, ...] = ()  # all but `path`, `split` and `label`
    rows: dict[str, Row] = field(default_factory=dict)  # by path, as `_key` writes it
    found: set[str] = field(default_factory=set)  # the paths of rows that an image was found for

    @classmethod
    def of(cls, rule: str, label: str | None = None, reserved: Iterable[str] = ()) -> Labels:
        """Return the labels of a rule or a table, whose column `label` has the class. Raises MisuseError."""
        if not is_table(rule):
            return cls(rule)
        names, cells = _read(rule)
        columns = tuple(name for name in names if name not in (PATH, SPLIT, LABEL))
        chosen = label or next((one for one in (LABEL, *columns) if one in names and one not in ABOUT), None)
        if chosen is None:
            raise MisuseError(
                f"--labels {rule} has no label column, only {', '.join(names)}: add one, as variety"
            )
        if chosen not in names:
            raise MisuseError(f"--labels {rule} has no column {chosen}, only {', '.join(names)}: add it")
        if taken := [name for name in columns if name.casefold() in reserved]:
            raise MisuseError(
                f"--labels {rule}: features/ has a column {taken[0]} of its own: rename the table's"
            )
        rows, shared, twice = dict[str, Row](), dict[Row, Row](), list[str]()
        for line in cells:
            cell = dict(zip(names, line, strict=True))
            key = _key(cell[PATH] or "")
            row = cell[chosen], cell.get(SPLIT), tuple(cell[one] for one in columns)
            if key in rows:
                twice.append(key)
            rows[key] = shared.setdefault(row, row)  # many images have the same
        if "" in rows:
            raise MisuseError(f"--labels {rule}: a row has no path, with the label {rows[''][0]!r}: write it")
        if twice:
            raise MisuseError(
                f"--labels {rule}: {len(twice)} rows name an image that a row before them names, as "
                f"{twice[0]!r}: leave one row for each image; where sources share names, write full paths"
            )
        if not rows:
            raise MisuseError(f"--labels {rule} has no rows: write one for each image")
        return cls(rule, chosen, columns, rows)

    @property
    def is_table(self) -> bool:
        return bool(self.label)

    def of_image(self, source: str, relative_path: str) -> tuple[str, str, Values | None]:
        """Return class, split (by folders if the table has none) and other columns; None: it has no row."""
        if not self.is_table:
            return *label_and_split(source, relative_path, self.rule), None
        _, split = label_and_split(source, relative_path, NO_LABELS)
        keys = _key(child(source, relative_path)), _key(relative_path)
        key = next((key for key in keys if key in self.rows), None)
        if key is None:
            return "", split, None
        self.found.add(key)
        label, own_split, values = self.rows[key]
        return label or "", own_split or split, values

    def without_image(self) -> Labels:
        rows = {key: row for key, row in self.rows.items() if key not in self.found}
        return replace(self, rows=rows, found=set())


def _key(path: str) -> str:
    """Return what a path has in common in a table and in a listing, whichever system wrote them."""
    key = unicodedata.normalize("NFC", path.strip()).replace("\\", "/")
    if key.startswith("file://"):
        key = unicodedata.normalize("NFC", unquote(key)).removeprefix("file://").removeprefix("localhost")
    return re.sub(r"(^|/)(\./+)+", r"\1", key.replace("s3a://", "s3://", 1))


def _read(uri: str) -> tuple[list[str], list[Values]]:
    """Return the names of the columns and the rows of a table, each cell a text, None where it is empty."""
    try:
        content = read_bytes(uri)
        names, lines = _parquet(content) if extension_of(uri) == ".parquet" else _csv(content)
    except FileNotFoundError:
        raise MisuseError(f"--labels {uri}: there is no such file") from None
    except UnicodeDecodeError:
        raise MisuseError(f"--labels {uri} is not UTF-8: save it as CSV in UTF-8") from None
    except (BaseError, OSError, pa.ArrowException, csv.Error) as error:
        known = reason_of_all(error, uri)
        raise MisuseError(f"--labels {uri} cannot be read: {known or first_line(error)}") from error
    if ragged := [number for number, line in enumerate(lines, 2) if len(line) != len(names)]:
        raise MisuseError(
            f"--labels {uri}: row {ragged[0]} has not as many cells as the header, {len(names)}: "
            "put a cell with a comma into double quotes"
        )
    names = [name.lower() if name.lower() in (PATH, SPLIT, LABEL) else name for name in names]
    if PATH not in names:
        raise MisuseError(
            f"--labels {uri} has no column path, only {', '.join(names) or 'nothing'}: add one with the path "
            "of each image, from the folder that --images names, or in full"
        )
    folded = [name.casefold() for name in names if name]  # Spark and databases know no case
    if again := [name for name in names if folded.count(name.casefold()) > 1]:
        raise MisuseError(f"--labels {uri} has two columns {' and '.join(again[:2])}: rename one")
    kept = [place for place, name in enumerate(names) if name and not name.startswith(INDEX)]
    return [names[place] for place in kept], [[line[place] for place in kept] for line in lines]


def _parquet(content: bytes) -> tuple[list[str], list[Values]]:
    table = pq.ParquetFile(pa.BufferReader(content)).read()
    columns = []
    for column in table.columns:
        if pa.types.is_floating(column.type):  # where pandas marks a missing number by not-a-number
            column = pc.if_else(pc.is_nan(column), None, column)
        columns.append(pc.cast(column, pa.string()).to_pylist())
    return table.column_names, [[_cell(cell or "") for cell in line] for line in zip(*columns, strict=True)]


def _csv(content: bytes) -> tuple[list[str], list[Values]]:
    """Read what spreadsheets write: commas, semicolons or tabs, a byte order mark, a first line `sep=;`."""
    text = re.sub(r"^sep=.\r?\n", "", content.decode("utf-8-sig"), flags=re.IGNORECASE)  # a line for Excel
    header = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), strict=True)
    names = [name.strip() for name in next(lines, [])]
    return names, [
        [_cell(of_spreadsheet_cell(cell)) for cell in line] for line in lines if any(map(str.strip, line))
    ]


def _cell(cell: str) -> str | None:
    return unicodedata.normalize("NFC", cell.strip()) or None
