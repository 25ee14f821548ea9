"""What stands where the network or the decoder is in tests; workers import it by name."""

import ctypes
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from spark_job.images import preparation
from spark_job.images.isolation import Order

PREPARE_IMAGE = preparation.prepare_image


class QuadrantColours:
    """Mean colours of the quadrants: (n, h, w, 3) -> (n, 12)."""

    def features(self, tensors: np.ndarray) -> np.ndarray:
        rows, height, width, _ = tensors.shape
        quadrants = tensors.reshape(rows, 2, height // 2, 2, width // 2, 3)
        return quadrants.mean(axis=(2, 4)).reshape(rows, 12).astype(np.float32)


class CountingEngine(QuadrantColours):
    """Leaves one byte in a file for every image it sees, in whatever process."""

    def __init__(self, counter: str) -> None:
        self._counter = counter

    def features(self, tensors: np.ndarray) -> np.ndarray:
        with Path(self._counter).open("ab", buffering=0) as file:
            file.write(b"." * len(tensors))
        return super().features(tensors)


class FailingEngine(CountingEngine):
    """Refuses every image after so many, as S3 does when a token has expired."""

    def __init__(self, counter: str, most: int) -> None:
        super().__init__(counter)
        self._most = most

    def features(self, tensors: np.ndarray) -> np.ndarray:
        if Path(self._counter).exists() and Path(self._counter).stat().st_size >= self._most:
            raise RuntimeError("the token has expired")
        return super().features(tensors)


class DyingEngine(QuadrantColours):
    """Kills its own process, once; notes that process and its children in a file before."""

    def __init__(self, marker: str) -> None:
        self._marker, self._seen = Path(marker), 0

    def features(self, tensors: np.ndarray) -> np.ndarray:
        self._seen += 1
        if self._seen == 3 and not self._marker.exists():
            own = psutil.Process()
            self._marker.write_text(json.dumps([own.pid, *(one.pid for one in own.children(recursive=True))]))
            os.kill(own.pid, signal.SIGKILL)
        return super().features(tensors)


class SleepyEngine(QuadrantColours):
    """Takes a second for each image; says in a file that it began."""

    def __init__(self, marker: str) -> None:
        self._marker = marker

    def features(self, tensors: np.ndarray) -> np.ndarray:
        Path(self._marker).touch()
        time.sleep(1)
        return super().features(tensors)


class SlowEngine(QuadrantColours):
    """Takes a tenth of a second for each image."""

    def features(self, tensors: np.ndarray) -> np.ndarray:
        time.sleep(0.1)
        return super().features(tensors)


class HostileDecoder(QuadrantColours):
    """Makes the decoder of its worker hang or crash on files that end so."""

    def __init__(self) -> None:
        preparation.prepare_image = prepare_hostile_image


def prepare_hostile_image(order: Order, slot: Any, **options: Any) -> None:
    """As the real one, except for files that end in `hang` or `crash`."""
    if order.content.endswith(b"hang"):
        time.sleep(60)
    if order.content.endswith(b"crash"):
        ctypes.string_at(0)
    PREPARE_IMAGE(order, slot, **options)


def worker_engine_of(load: Callable[[], object]) -> Callable[..., Callable[[], object]]:
    """What to put in the place of `spark_job.pipeline.feature_stage.worker_engine`."""
    return lambda *_: load
