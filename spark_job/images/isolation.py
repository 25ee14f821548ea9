"""A process of its own for code that may hang or crash: the decoders.

Work goes over in batches and comes back through shared memory. When a batch fails, its items are tried
one by one, so that only the item at fault is lost.
"""

import os
import resource
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, islice
from multiprocessing import get_context
from typing import Any, Generic, TypeVar

import numpy as np
from pebble import ProcessExpired, ProcessPool

Item = TypeVar("Item")
Result = TypeVar("Result")

BATCH_SIZE = 16
# One batch is being used, one waits, one is being made.
BATCHES_IN_FLIGHT = 3
SLOTS = BATCH_SIZE * BATCHES_IN_FLIGHT
# Of address space: an image of 64 million pixels is held a few times over (decoded, turned, converted).
MEMORY_LIMIT_BYTES = 4 * 1024**3


@dataclass(frozen=True)
class SharedArray:
    """A float32 array that another process writes and this one reads, without a copy."""

    path: str
    shape: tuple[int, ...]

    def open(self) -> np.ndarray:
        """Return (*shape) float32, mapped; the same memory in every process."""
        return _mapped(self.path, self.shape)


@lru_cache(maxsize=4)
def _mapped(path: str, shape: tuple[int, ...]) -> np.ndarray:
    return np.memmap(path, dtype=np.float32, mode="r+", shape=shape)


@lru_cache(maxsize=1)
def shared_tensors(height: int, width: int) -> SharedArray:
    """Return (SLOTS, height, width, 3) float32; its memory goes when this process ends, however it ends."""
    shape = (SLOTS, height, width, 3)
    length = int(np.prod(shape)) * 4
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("tensors")
        path = f"/proc/{os.getpid()}/fd/{descriptor}"
    else:  # macOS
        descriptor, path = tempfile.mkstemp(prefix="tensors-")
    os.ftruncate(descriptor, length)
    return SharedArray(path, shape)


@lru_cache(maxsize=1)
def _pool() -> ProcessPool:
    # Spark kills its workers; the tracker of their decoders' semaphores, which it then frees, would say so.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")
    # `forkserver`: a fork of this process would inherit the engine's threads and the sockets to Spark.
    context = get_context("forkserver")
    return ProcessPool(max_workers=1, initializer=_limit_memory, context=context)


def start_decoder() -> None:
    """Start the other process now, without waiting: whoever uses it soon finds it ready."""
    _pool().schedule(int)


def _limit_memory() -> None:
    with suppress(ValueError, OSError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))


@dataclass(frozen=True)
class Isolated(Generic[Item, Result]):
    """A function that runs on items in the other process.

    Attributes:
        function: (items, first slot) -> one result for each item; picklable. Item i may write to slot
            first + i of shared memory, which stays as it is until the next result is asked for.
        failed: (item, reason) -> the result of an item that hung or crashed the process.
        max_seconds: time limit of one item.
    """

    function: Callable[[list[Any], int], list[Any]]
    failed: Callable[[Any, str], Any]
    max_seconds: float

    def map(self, items: Iterable[Item]) -> Iterator[tuple[int, Result]]:
        """Yield (slot, result) for each item, in order."""
        waiting: deque[tuple[list[Item], int, Future[list[Result]]]] = deque()
        iterator = iter(items)
        for number in count():
            batch = list(islice(iterator, BATCH_SIZE))
            if batch:
                first = number % BATCHES_IN_FLIGHT * BATCH_SIZE
                waiting.append((batch, first, self._schedule(batch, first)))
            if not waiting:
                return
            if not batch or len(waiting) == BATCHES_IN_FLIGHT:
                yield from self._results(*waiting.popleft())

    def _schedule(self, batch: list[Item], first: int) -> "Future[list[Result]]":
        future: Future[list[Result]] = _pool().schedule(
            self.function, args=[batch, first], timeout=self.max_seconds
        )
        return future

    def _results(
        self, batch: list[Item], first: int, future: "Future[list[Result]]"
    ) -> Iterator[tuple[int, Result]]:
        try:
            results = future.result()
        except (TimeoutError, ProcessExpired):
            yield from self._one_by_one(batch, first)
        else:
            yield from enumerate(results, first)

    def _one_by_one(self, batch: list[Item], first: int) -> Iterator[tuple[int, Result]]:
        for slot, item in enumerate(batch, first):
            try:
                yield slot, self._schedule([item], slot).result()[0]
            except TimeoutError:
                yield (
                    slot,
                    self.failed(item, f"decoding takes longer than --max-seconds {self.max_seconds:g}"),
                )
            except ProcessExpired:
                yield slot, self.failed(item, "the file crashes its decoder")
