"""How far a Spark job is: a moving line at a terminal, a line now and then in a log."""

import sys
import time
from threading import Event, Thread
from types import TracebackType
from typing import Any

from pyspark import SparkContext

SECONDS_AT_A_TERMINAL = 0.5
SECONDS_IN_A_LOG = 30.0


class Progress:
    """A block whose progress is reported on stderr: images done, images a second, time left."""

    def __init__(self, spark: SparkContext, what: str, total: int) -> None:
        self._spark, self._what, self._total = spark, what, total
        self._ended = Event()
        self._thread = Thread(target=self._follow, daemon=True)
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        self._started = time.monotonic()
        self._stages_before = self._stages()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if kind is None:
            self._show(self._total, last=True)

    def _follow(self) -> None:
        pause = SECONDS_AT_A_TERMINAL if self._terminal else SECONDS_IN_A_LOG
        while not self._ended.wait(pause):
            self._show(self._done())

    def _stages(self) -> set[int]:
        return set(self._spark.statusTracker().getActiveStageIds())

    def _done(self) -> int:
        """Return the images of complete tasks; the stage of the features is the last, with most to do."""
        tracker: Any = self._spark.statusTracker()
        active = self._stages() - self._stages_before
        info = tracker.getStageInfo(max(active)) if active else None
        if info is None or not info.numTasks:
            return 0
        return int(self._total * info.numCompletedTasks / info.numTasks)

    def _show(self, done: int, last: bool = False) -> None:
        seconds = time.monotonic() - self._started
        speed = done / seconds if seconds else 0.0
        left = f", about {(self._total - done) / speed:.0f} s left" if speed and not last else ""
        line = f"{self._what}: {done:,} of {self._total:,} images, {speed:,.0f} images/s{left}"
        end = "\n" if last or not self._terminal else ""
        start = "\r\033[K" if self._terminal else ""
        print(f"{start}{line}", end=end, file=sys.stderr, flush=True)
