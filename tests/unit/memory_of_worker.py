"""`python -m tests.unit.memory_of_worker EXTRACTOR FILE…`: a worker's memory with its decoder.

A line of JSON for each image, after one for the worker at rest: name, error, MiB at the highest.
"""

import json
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Event, Thread

import psutil
import pyarrow as pa

# What Spark's workers have imported: spark_job/python_daemon.
import spark_job.features.table
import spark_job.reduction.tables  # noqa: F401
from spark_job.contract.extractor_files import ENGINE_FILES
from spark_job.contract.run_options import ImageLimits
from spark_job.extractors.specification import Extractor
from spark_job.features.extraction import Extraction, Tally, load_engine
from spark_job.images.listing import LISTING_SCHEMA
from spark_job.storage import Folder


def highest() -> float:
    """MiB that this process and those below had at most since the last call; what they share counts twice."""
    total = 0
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        status = Path(f"/proc/{process.pid}/status").read_text()
        total += int(status.partition("VmHWM:")[2].split()[0])
        with suppress(PermissionError):
            Path(f"/proc/{process.pid}/clear_refs").write_text("5")
    return total / 1024


class Sampled:
    """The MiB that this process and those below have together, looked at every few milliseconds."""

    def __init__(self) -> None:
        self.most, self._done = 0.0, Event()
        self._thread = Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._done.wait(0.003):
            with suppress(psutil.NoSuchProcess):  # a decoder that has just ended
                processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
                self.most = max(self.most, sum(one.memory_info().rss for one in processes) / 1024**2)

    def stop(self) -> float:
        """Return the highest."""
        self._done.set()
        self._thread.join()
        return self.most


def listed(path: Path) -> dict[str, object]:
    return {"path": str(path), "label": "", "split": "", "size": path.stat().st_size, "etag": "x"}


def main(extractor: str, paths: list[Path]) -> None:
    """Print the memory at rest, then that of each image, then that of all of them in one batch."""
    opened = Extractor.open(Folder(extractor))
    files = {name: Path(extractor) / name for name in ENGINE_FILES["openvino"]}
    load = cache(lambda: load_engine(files, opened.specification, "openvino", "f32"))
    extraction = Extraction(opened.specification, ImageLimits(max_seconds=300), load)

    def report(name: str, paths: list[Path]) -> None:
        sampled = Sampled()
        batch = pa.RecordBatch.from_pylist([listed(path) for path in paths], LISTING_SCHEMA)
        errors = [error for rows in extraction(batch, Tally()) for error in rows.column("error").to_pylist()]
        together = sampled.stop()
        # Of one image both are busy with it; of many each has its highest at another moment.
        print(json.dumps([name, errors[0], highest() if len(paths) == 1 else together]), flush=True)

    report("at rest", paths[:1] * 60)
    for path in paths[1:]:
        report(path.name, [path])
    report("all", paths)


if __name__ == "__main__":
    main(sys.argv[1], [Path(path) for path in sys.argv[2:]])
