"""Runs of the job inside the tests' process, and what they left."""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from spark_job.contract.run_options import ComponentRequest, RunOptions
from spark_job.pipeline.run import run_pipeline
from spark_job.session import open_session
from spark_job.storage import Folder
from tests.run_files import without_row


@dataclass(frozen=True)
class RunResults:
    """A run's folder, read without Spark; tables are lists of rows, by path."""

    folder: Path

    def json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(), parse_constant=_refuse)

    @property
    def metrics(self) -> dict[str, Any]:
        return self.json("metrics.json")

    def table(self, name: str) -> list[dict[str, Any]]:
        rows = pq.read_table(self.folder / name).to_pylist()
        return sorted(rows, key=lambda row: row["path"])

    @property
    def features(self) -> list[dict[str, Any]]:
        return self.table("features")

    @property
    def components(self) -> list[dict[str, Any]]:
        return self.table("reduction/components")

    def csv(self, name: str) -> list[dict[str, str]]:
        with (self.folder / name).open(newline="", encoding="utf-8") as file:
            return sorted(csv.DictReader(file), key=lambda row: row["path"])

    @property
    def rejected(self) -> dict[str, str]:
        """File name -> reason."""
        return {Path(row["path"]).name: row["error"] for row in self.csv("rejected.csv")}

    @property
    def usable_names(self) -> set[str]:
        return {Path(row["path"]).name for row in self.features if row["error"] is None}


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} in a JSON file")


def run_options(
    images: Path | tuple[str, ...], results: Path, extractor: Path, run_id: str = "run", **others: Any
) -> RunOptions:
    """The options of a run that keeps two components unless asked otherwise."""
    sources = images if isinstance(images, tuple) else (str(images),)
    others.setdefault("request", ComponentRequest(None, 2))
    return RunOptions.checked(
        images=sources, results=str(results), extractor=str(extractor), run_id=run_id, **others
    )


def run(
    images: Path | tuple[str, ...],
    results: Path,
    extractor: Path,
    run_id: str = "run",
    say: Callable[[str], None] = lambda line: None,
    **others: Any,
) -> RunResults:
    """Run the job; the books must balance whatever happened."""
    options = run_options(images, results, extractor, run_id, **others)
    run_pipeline(options, say, partial(open_session, "tests"))
    found = RunResults(results / run_id)
    assert without_row(Folder(str(found.folder)).names()) == []
    counts = found.metrics["images"]
    assert counts["listed"] + counts["kept"] == counts["usable"] + counts["rejected"] + counts["skipped"]
    assert counts["skipped"] == sum(counts["skipped_by_reason"].values())
    return found
