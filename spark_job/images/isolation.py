"""A process of its own for code that may hang, crash or be taken over: the decoders.

Bytes go in through a pipe. What comes back is written into shared memory, and one byte for each item says
that it is done: nothing is unpickled. Another process replaces one that hangs or crashes; only the item at
fault is lost.
"""

import fcntl
import mmap
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle, islice
from math import ceil
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple, TypeVar

import numpy as np

import spark_job
from spark_job.contract.foreign_texts import terminal_text
from spark_job.contract.run_options import MEBIBYTE
from spark_job.errors import ImageRejectedError
from spark_job.images import border

Key = TypeVar("Key")
Content = bytes | ImageRejectedError

BATCH_SIZE = 16
BATCH_BYTES = 8 * MEBIBYTE  # a batch of more has fewer items
PIPE_BYTES = MEBIBYTE  # a photograph of 2 MB costs 1.4 core-milliseconds more through the usual 64 KiB
SLOTS = 3 * BATCH_SIZE  # one batch is being used, one waits, one is being made
TEXT = np.dtype("S400")
START_SECONDS, STARTS = 120.0, 2
# Of the other process: nothing of this one's own, where credentials are. What takes more than 4 MiB goes back
# to the system when it is freed: else what one format held stays beside what the next one holds. Of the rest
# 8 MiB stay, a photograph with its pixels: else each waits for new pages, 2.6 ms at 12 megapixels.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(4 * MEBIBYTE),
    "MALLOC_TRIM_THRESHOLD_": str(8 * MEBIBYTE),
}
_HEADER = struct.Struct("<QQ?")  # slot, length of the content that follows, thumbnail
_PROGRAM = """
import sys
sys.path[:] = sys.argv[2:]
import spark_job.images.preparation
from spark_job.images.isolation import serve
serve(int(sys.argv[1]))
"""


def text_from(written: bytes) -> str:
    """Return what a decoder wrote as TEXT, on one line and without control characters."""
    return terminal_text(written.decode("utf-8", errors="replace"), kept="")


class Order(NamedTuple):
    """One image for the other process, and whether its thumbnail is wanted."""

    content: Any  # bytes; an ImageRejectedError comes back as it is
    thumbnail: bool = False


Numbered = tuple[int, tuple[Any, Order]]  # slot, (key, order)
Function = Callable[[Order, Any], None]


@dataclass(frozen=True)
class Isolated:
    """A function that runs on images in the other process."""

    function: Function  # (order, slot) -> None; fills the slot, or raises ImageRejectedError; picklable
    layout: np.dtype[Any]  # of a slot of shared memory
    max_seconds: float  # time limit of one item

    def map(self, items: Iterable[tuple[Key, Order]]) -> Iterator[tuple[Key, Any]]:
        """Yield each key, in order, with its slot until the next one is asked for, or its ImageRejectedError.

        Whoever took the process over can change a slot at any time and to anything: copy first, then
        check.
        """
        decoder: _Decoder | None = None  # without items none is started
        waiting: deque[Numbered] = deque()
        numbered = zip(cycle(range(SLOTS)), items, strict=False)
        try:
            while True:
                batch = _next_batch(numbered, waiting)
                waiting.extend(batch)
                if not waiting:
                    return
                if decoder is None or decoder.stopped:
                    decoder, batch = self._decoder(), list(waiting)
                if batch:
                    decoder.send(batch)
                slot, (key, order) = waiting[0]
                outcome = self._outcome(decoder, slot, order.content)
                if outcome is not None:
                    waiting.popleft()
                    yield key, outcome
        finally:
            if decoder and waiting:
                decoder.stop()
            elif decoder:
                _idle.append(decoder)

    def _decoder(self) -> "_Decoder":
        task = pickle.dumps((self.function, self.layout, self.max_seconds))
        while _idle:
            decoder = _idle.pop()
            if decoder.begin(task, self.layout):
                return decoder
            decoder.stop()
        for _ in range(STARTS):
            decoder = _Decoder()
            if decoder.begin(task, self.layout):
                return decoder
            decoder.stop()
        raise RuntimeError("the decoder's process does not start; its last words stand above")

    def _outcome(self, decoder: "_Decoder", slot: int, content: Content) -> Any:
        """Return what became of an item; None: try it again, what came before it may be at fault."""
        if isinstance(content, ImageRejectedError):
            return content
        try:
            return decoder.result(slot, self.max_seconds)
        except TimeoutError:
            decoder.stop()
            return ImageRejectedError(f"decoding takes longer than --max-seconds {self.max_seconds:g}")
        except EOFError:
            decoder.stop()
            return None if decoder.results else ImageRejectedError("the file crashes its decoder")


def _next_batch(numbered: Iterator[Numbered], waiting: Collection[Numbered]) -> list[Numbered]:
    """Take the next items, unless enough are on their way."""
    if len(waiting) > SLOTS - BATCH_SIZE or sum(map(_size, waiting)) > 2 * BATCH_BYTES:
        return []
    batch, size = [], 0
    for item in islice(numbered, BATCH_SIZE):
        batch.append(item)
        size += _size(item)
        if size > BATCH_BYTES:
            break
    return batch


def _size(item: Numbered) -> int:
    _, (_, order) = item
    return len(order.content) if isinstance(order.content, bytes) else 0


class _Decoder:
    """The other process and the memory that it shares with this one."""

    def __init__(self) -> None:
        self._memory = _memory()
        path = [str(Path(spark_job.__file__).parents[1]), *map(os.path.abspath, sys.path)]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _PROGRAM, str(self._memory), *path],
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[self._memory],
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(AttributeError, OSError):  # macOS; the user's pipes have taken what they may
            fcntl.fcntl(self._process.stdin, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._answers = select.poll()
        self._answers.register(self._stdout, select.POLLIN)
        self._to_send: SimpleQueue[list[Numbered] | None] = SimpleQueue()
        self._task = b""
        self._done = self.results = 0
        self.stopped = False

    def begin(self, task: bytes, layout: np.dtype[Any]) -> bool:
        """Give the process its task, if it has none; return whether it lives, behind its border, with it."""
        if self._process.poll() is not None or self._task not in (b"", task) or self._done:
            return False
        if self._task:
            return True
        self._task = task
        self._slots = _mapped(self._memory, layout)
        os.close(self._memory)
        try:
            self._stdin.write(task)
            self._stdin.flush()
            self._wait(START_SECONDS)
        except (OSError, EOFError):  # it was killed, or took too long
            self.stop()
            return False
        Thread(target=self._send_all, daemon=True).start()
        return True

    def send(self, batch: list[Numbered]) -> None:
        """Send each item that has bytes, with its slot, without waiting."""
        self._to_send.put(batch)

    def _send_all(self) -> None:
        with suppress(BrokenPipeError), self._stdin:
            while (batch := self._to_send.get()) is not None:
                for slot, (_, order) in batch:
                    if isinstance(order.content, bytes):
                        self._stdin.write(_HEADER.pack(slot, len(order.content), order.thumbnail))
                        self._stdin.write(order.content)
                self._stdin.flush()

    def result(self, slot: int, max_seconds: float) -> Any:
        """Return the next item's slot or ImageRejectedError; TimeoutError: too slow; EOFError: ended."""
        self._wait(max_seconds)
        self.results += 1
        error = text_from(self._slots[slot]["error"])
        return ImageRejectedError(error) if error else self._slots[slot]["result"]

    def _wait(self, seconds: float) -> None:
        if not self._done:
            if not self._answers.poll(seconds * 1000):
                raise TimeoutError
            self._done = len(os.read(self._stdout.fileno(), SLOTS))
            if not self._done:
                raise EOFError
        self._done -= 1

    def stop(self) -> None:
        """End the process; what it has not done is lost."""
        self.stopped = True
        self._process.kill()
        self._process.wait()
        self._to_send.put(None)
        if not self._task:  # else the memory is mapped
            os.close(self._memory)


_idle: list[_Decoder] = []


def start_decoder() -> None:
    """Start the other process now, without waiting: whoever uses it soon finds it ready."""
    if not _idle:
        _idle.append(_Decoder())


def _memory() -> int:
    """Return a descriptor of memory that goes when both processes have ended, however they end."""
    if sys.platform == "linux":
        return os.memfd_create("slots", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with tempfile.TemporaryFile() as file:  # macOS
        return os.dup(file.fileno())


def _mapped(memory: int, layout: np.dtype[Any]) -> np.ndarray:
    """Return (SLOTS,) of what a function fills ("result") and why it did not ("error")."""
    length = layout.itemsize + TEXT.itemsize
    whole = np.dtype(
        # Vectors of 64 bytes begin where they are read fastest.
        {"names": ["result", "error"], "formats": [layout, TEXT], "itemsize": ceil(length / 64) * 64}
    )
    size = SLOTS * whole.itemsize
    if os.fstat(memory).st_size < size:
        os.ftruncate(memory, size)
        if sys.platform == "linux":  # whoever shrinks the memory ends the process that reads it
            fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    return np.frombuffer(mmap.mmap(memory, size), whole)


def serve(memory: int) -> None:
    """Be the other process: take the task, go behind the border, do item after item."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: for whoever uses this process
    commands = sys.stdin.buffer
    try:
        function, layout, max_seconds = pickle.load(commands)  # noqa: S301 - of whoever started this process
    except EOFError:  # there is no task
        return
    slots = _mapped(memory, layout)
    answers, null = os.dup(sys.stdout.fileno()), os.open(os.devnull, os.O_RDWR)
    os.close(memory)
    border.enter(max_seconds)
    for stream in (sys.stdout, sys.stderr):  # where libraries write their warnings
        os.dup2(null, stream.fileno(), inheritable=False)
    os.close(null)
    os.write(answers, b".")
    while header := commands.read(_HEADER.size):
        slot, length, thumbnail = _HEADER.unpack(header)
        order, why = Order(commands.read(length), thumbnail), ""
        try:
            function(order, slots[slot]["result"])
        except ImageRejectedError as error:
            why = str(error)
        except MemoryError:
            why = "decoding needs more memory than the limits allow"
        except Exception as error:
            why = f"decoding failed: {type(error).__name__}: {error}"
        slots[slot]["error"] = why.encode()
        os.write(answers, b".")
