"""What a stage is: it works on a run and the facts of those before it, and leaves facts of its own.

A stage may be started over at any time: it replaces what an earlier attempt left.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from spark_job.extractors.folder import Extractor
from spark_job.pipeline.options import RunOptions
from spark_job.pipeline.run_folder import RunFolder
from spark_job.storage import Folder

Facts = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """What every stage works on."""

    session: Callable[[], SparkSession]
    options: RunOptions
    extractor: Extractor
    folder: RunFolder
    scratch: Path

    @property
    def spark(self) -> SparkSession:
        """The session; waits for it when it is still opening."""
        return self.session()

    def table(self, name: str) -> Folder:
        """The folder of one of the run's tables."""
        return self.folder.folder.at(name)
