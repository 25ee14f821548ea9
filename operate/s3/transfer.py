"""Many transfers at once, with progress; the first failure stops the rest."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    at_once: int,
    label: str,
    size: Callable[[Item], int] | None = None,
) -> list[Result]:
    """Return what `work` gives for every item, in no particular order, with a progress bar on stderr.

    Args:
        size: of an item in bytes: the bar then shows bytes and their rate, else items.

    Raises Exception: the first that `work` raises; what runs then is waited for, what waits is given up.
    """
    done = (DownloadColumn(), TransferSpeedColumn()) if size else (MofNCompleteColumn(),)
    columns = (TextColumn("{task.description}"), BarColumn(), *done, TimeRemainingColumn())
    amount = size or (lambda _: 1)
    console, hidden = Console(file=sys.stderr), not sys.stderr.isatty()
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task, results = bar.add_task(label, total=sum(map(amount, items))), []
        for result, share in _results(lambda item: (work(item), amount(item)), items, at_once):
            bar.advance(task, share)
            results.append(result)
        return results


def _results(work: Callable[[Item], Result], items: Iterable[Item], at_once: int) -> Iterator[Result]:
    waiting = iter(items)
    with ThreadPoolExecutor(at_once) as pool:
        running: set[Future[Result]] = set()
        while True:
            # A few more than threads: none waits for the next, and few have to be given up.
            running |= {pool.submit(work, item) for item in islice(waiting, 2 * at_once - len(running))}
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            try:
                for future in done:
                    yield future.result()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
