"""Reading logs: which files, which lines, and what has come since the last look."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from operate.errors import OperateError
from operate.runs.log_files import LogFile, StepLogs
from spark_job.contract.errors import MisuseError

KINDS = ("driver-stdout", "driver-stderr", "stdout", "stderr", "controller", "syslog")
# In cluster mode the driver's own; else what spark-submit wrote.
DEFAULT_CHOICES = (("driver-stdout", "driver-stderr"), ("stdout", "stderr"), ("controller",))


def chosen(logs: StepLogs, kinds: tuple[str, ...]) -> list[LogFile]:
    """Return the logs of these kinds; without kinds, the driver's own, else spark-submit's."""
    files = {file.kind: file for file in (*logs.step_files(), *logs.driver_files())}
    if kinds:
        return [files[kind] for kind in KINDS if kind in kinds and kind in files]
    for choice in DEFAULT_CHOICES:
        logs_there = [files[kind] for kind in choice if kind in files]
        if logs_there:
            return logs_there
    return []


def pattern_of(grep: str | None) -> re.Pattern[str] | None:
    """Return the regular expression. Raises MisuseError where it is none."""
    try:
        return re.compile(grep) if grep else None
    except re.error as error:
        raise MisuseError(f"--grep {grep!r} is no regular expression: {error}") from error


@dataclass
class Reader:
    """Gives the lines of a step's logs, each once, however often it looks."""

    logs: StepLogs
    kinds: tuple[str, ...]
    pattern: re.Pattern[str] | None = None
    seen: dict[str, int] = field(default_factory=dict)  # URI to characters

    def new_lines(self, *, to_the_end: bool = True) -> Iterator[str]:
        """Yield the lines that are new since the last call, file by file.

        Args:
            to_the_end: also a last line without an end; it may still grow.
        """
        for file in chosen(self.logs, self.kinds):
            text = self.logs.read(file)
            begin = self.seen.get(file.uri, 0)
            end = len(text) if to_the_end else text.rfind("\n") + 1
            self.seen[file.uri] = max(begin, end)
            for line in text[begin:end].splitlines():
                if self.pattern is None or self.pattern.search(line):
                    yield line


def download(logs: StepLogs, folder: Path, say: Callable[[str], None]) -> list[Path]:
    """Download every log of the step, unpacked, as `FOLDER/STEP/KIND.log`.

    Raises:
        OperateError: none has come yet.
    """
    files = [*logs.step_files(), *logs.driver_files()]
    if not files:
        raise OperateError(nothing_yet(logs))
    target = folder / logs.step_id
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for file in files:
        path = target / f"{file.kind}.log"
        path.write_text(logs.read(file))
        say(str(path))
        written.append(path)
    return written


def nothing_yet(logs: StepLogs) -> str:
    """Return a message: why there may be no logs, and what to do."""
    return f"no logs below {logs.step_uri} yet: EMR brings them every five minutes; try again, or --follow"
