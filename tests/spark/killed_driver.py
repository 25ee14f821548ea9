"""A driver that kills itself: `python -m tests.spark.killed_driver STAGE in|after|PARTS OPTIONS`."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from spark_job import storage
from spark_job.pipeline import listing_stage, reduction_stage, run_folder
from spark_job.pipeline.run import run_pipeline
from spark_job.session import open_session
from tests.spark.runs import run_options


def die(*_: object, **__: object) -> None:
    """As the kernel does when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_after(owner: Any, name: str, when: Callable[..., bool]) -> None:
    """Let a method do its work, then die if `when` says so of its arguments."""
    real = getattr(owner, name)

    def patched(*arguments: Any) -> Any:
        answer = real(*arguments)
        if when(*arguments):
            die()
        return answer

    setattr(owner, name, patched)


def die_while_features_are_written(folder: Path, parts: int = 1) -> None:
    """As soon as so many parts are there, from a thread; the last part may be there or not."""

    def watch() -> None:
        while len(list((folder / "features").glob("part-*.parquet"))) < parts:
            time.sleep(0.002)
        die()

    Thread(target=watch, daemon=True).start()


def prepare(stage: str, point: str, folder: Path) -> None:
    """Arrange the death."""
    if point == "after":
        die_after(run_folder.RunFolder, "complete_stage", lambda _, name, facts: name == stage)
    elif stage == "listing":
        listing_stage._check_request = die
    elif stage == "features":
        die_while_features_are_written(folder, int(point) if point.isdecimal() else 1)
    elif stage == "reduction":
        reduction_stage.write_components_csv = die
    else:
        die_after(storage.Folder, "write", lambda _, name, content: name.startswith("report/"))


if __name__ == "__main__":
    given = json.loads(sys.argv[3])
    paths: dict[str, Any] = {name: Path(given.pop(name)) for name in ("images", "results", "extractor")}
    options = run_options(**paths, **given)
    prepare(sys.argv[1], sys.argv[2], Path(options.results) / options.run_id)
    run_pipeline(options, lambda line: None, partial(open_session, "tests"))
    sys.exit("the driver was to be killed")
