"""Tells how far a run is while it goes on: in its folder for everybody, and on stderr."""

import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any, Self

from pyspark import SparkContext

from spark_job.contract.progress import Progress
from spark_job.contract.run_layout import COST, PROGRESS
from spark_job.errors import CostLimitError, StorageError
from spark_job.features.counting import COUNTED, Channel, Counts
from spark_job.pipeline.run_folder import RunFolder
from spark_job.report.words import speed

SECONDS_BETWEEN, SECONDS_AT_A_TERMINAL, RATE_SECONDS = 10.0, 0.5, 60.0
# For tasks that are under way when the run is told to stop: what they finish need not be computed again.
SECONDS_TO_FINISH = 60.0


class RunProgress:
    """Writes `progress.json`, and a line on stderr, from its thread; a stage that counts adds to `done`."""

    def __init__(self, folder: RunFolder) -> None:
        self._cost = dict[str, Any]()
        self._began, self._stopped_at = datetime.now(UTC), 0.0
        self._folder, self._ended = folder, Event()
        self._terminal = sys.stderr.isatty()
        self._thread = Thread(target=self._follow, daemon=True)
        self._spark: SparkContext | None = None
        self._counts: Counts | None = None
        self._seen: Any = None
        self._moved = datetime.now(UTC)
        self._rejected, self._kept = 0, 0
        self._reason: str | None = None
        self.begin("listing")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._write()

    def begin(self, stage: str, done: int = 0, total: int | None = None) -> None:
        self._stage, self.done, self._total = stage, done, total
        self._kept = 0
        self._samples = deque([(time.monotonic(), done)])

    @property
    def cost_usd(self) -> float | None:
        """What the run's cluster has cost by the account's last look; None: nobody has said it."""
        return self._cost.get("cost_usd")

    @property
    def instance_types(self) -> tuple[str, ...]:
        """The types of the cluster's machines by the same look; empty: nobody has said them."""
        return tuple(self._cost.get("instance_types", ()))

    def check_cost(self) -> None:
        """Raise CostLimitError where the run has been told to stop."""
        if self._stopped_at:
            cost, most = self._cost["cost_usd"], self._cost["max_cost_usd"]
            raise CostLimitError(
                f"the run was stopped: it has cost {cost:.2f} of at most {most:.2f} USD, and the end of its "
                "cluster costs too; what is finished stays: go on with --resume and a higher --max-cost"
            )

    @contextmanager
    def images(self, total: int, spark: SparkContext) -> Iterator[Channel]:
        """Count the images that the tasks of this block do; they tell it through the channel."""
        self._spark = spark
        self.begin(self._stage, total=total)
        started = time.monotonic()
        self._counts = Counts(str(spark.getConf().get("spark.driver.host", "127.0.0.1")))
        try:
            yield self._counts.channel
        finally:
            with suppress(Exception):  # of Spark, which may be ending; the run itself says why
                self._look()
            self._counts.close()
            self._counts = None
        self.done = total
        rate = speed((total - self._kept) / (time.monotonic() - started))
        self.say(f"{self._stage}: {total:,} of {total:,} images, {rate} images/s")

    def say(self, line: str) -> None:
        self._print(line, last=True)

    def _follow(self) -> None:
        """Look until the run ends; a file that cannot be written now is written the next time."""
        self._write()
        next_file = time.monotonic() + SECONDS_BETWEEN
        while not self._ended.wait(SECONDS_AT_A_TERMINAL if self._terminal else SECONDS_BETWEEN):
            with suppress(Exception):  # of Spark, which may be ending; the run itself says why
                self._look()
                if self._counts:
                    self._print(self._progress().line())
            if time.monotonic() >= next_file:
                self._look_at_cost()
                self._write()
                next_file = time.monotonic() + SECONDS_BETWEEN

    def _look(self) -> None:
        if counts := self._counts:
            self.done, self._rejected, self._kept = (counts.total(name) for name in COUNTED)
            self._reason = counts.reason()
        now = time.monotonic()
        while len(self._samples) > 1 and now - self._samples[0][0] > RATE_SECONDS:
            self._samples.popleft()
        self._samples.append((now, self.done - self._kept))
        tasks = []  # finished ones of the stages that Spark works on: what moves between images
        if self._spark is not None:
            tracker = self._spark.statusTracker()
            known = [(stage, tracker.getStageInfo(stage)) for stage in tracker.getActiveStageIds()]
            tasks = sorted((stage, info.numCompletedTasks) for stage, info in known if info)
        seen = (self._stage, self.done, tasks)
        if seen != self._seen:
            self._seen, self._moved = seen, datetime.now(UTC)

    def _look_at_cost(self) -> None:
        """Read what the account says of the cost; a minute after a stop, cancel what Spark still does."""
        with suppress(StorageError, ValueError, KeyError, TypeError):
            cost = self._folder.read_json(COST)
            # One that was written before this attempt is of an earlier one.
            if cost and not self._stopped_at and datetime.fromisoformat(cost["written"]) >= self._began:
                self._cost = cost
                self._stopped_at = time.monotonic() if cost["stop"] else 0.0
        if self._spark and self._stopped_at and time.monotonic() - self._stopped_at >= SECONDS_TO_FINISH:
            with suppress(Exception):  # of Spark, which may be ending
                self._spark.cancelAllJobs()

    def _progress(self) -> Progress:
        (since, before), (now, computed), done = self._samples[0], self._samples[-1], self.done
        rate = (computed - before) / (now - since) if computed > before else None
        left = None if rate is None or self._total is None else (self._total - done) / rate
        nodes: int | None = None
        java: Any = self._spark
        with suppress(Exception):  # there is no Spark yet, or it may be ending
            nodes = len({one.host() for one in java._jsc.sc().statusTracker().getExecutorInfos()})
        return Progress(
            stage=self._stage,
            done=done,
            total=self._total,
            images_per_second=rate,
            seconds_left=left,
            rejected=self._rejected,
            reason=self._reason,
            nodes=nodes,
            cost_usd=self.cost_usd,
            written=datetime.now(UTC).isoformat(timespec="seconds"),
            moved=self._moved.isoformat(timespec="seconds"),
        )

    def _write(self) -> None:
        with suppress(StorageError):
            self._folder.write_json(PROGRESS, self._progress().to_json())

    def _print(self, line: str, last: bool = False) -> None:
        start, end = "\r\033[K" if self._terminal else "", "\n" if last or not self._terminal else ""
        print(f"{start}{line}", end=end, file=sys.stderr, flush=True)
