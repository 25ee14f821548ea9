"""Many transfers at once, with progress; the first failure stops the rest."""

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from rich.console import Console
from rich.progress import DownloadColumn, MofNCompleteColumn, Progress, TransferSpeedColumn

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    label: str,
    at_once: int = 32,
    size: Callable[[Item], int] | None = None,
) -> list[Result]:
    """Return what `work` gives for every item, in no particular order, with a progress bar on stderr.

    Args:
        size: of an item in bytes: the bar then shows bytes and their rate, else items.

    Raises Exception: the first that `work` raises; what runs then is waited for, what waits is given up.
    """
    text, length, _, left = Progress.get_default_columns()
    done = (DownloadColumn(), TransferSpeedColumn()) if size else (MofNCompleteColumn(),)
    amount = size or (lambda _: 1)
    console, hidden = Console(file=sys.stderr), not sys.stderr.isatty()
    bar = Progress(text, length, *done, left, console=console, transient=True, disable=hidden)
    with bar, ThreadPoolExecutor(at_once) as pool:
        task, waiting = bar.add_task(label, total=sum(map(amount, items))), iter(items)
        running: dict[Future[Result], int] = {}
        results: list[Result] = []
        while True:
            # A few more than threads: none waits for the next, and few have to be given up.
            for item in islice(waiting, 2 * at_once - len(running)):
                running[pool.submit(work, item)] = amount(item)
            if not running:
                return results
            try:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    results.append(future.result())
                    bar.advance(task, running.pop(future))
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
