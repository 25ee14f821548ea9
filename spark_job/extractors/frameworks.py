"""The heavy packages, imported when first needed: without log noise, GPU or telemetry."""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, cast

from spark_job.errors import ExtractorError


def import_keras() -> Any:
    """Import Keras on TensorFlow, about 10 s the first time; ExtractorError: TensorFlow is not installed."""
    import_tensorflow()
    return _import("keras", "tensorflow")


def import_tensorflow() -> Any:
    """Import TensorFlow on the CPU alone, silent but for errors; ExtractorError: it is not installed."""
    # Read once, while the packages are imported. Features are computed on CPUs only, and a GPU found by
    # chance would change their last digits.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    with nullcontext() if "tensorflow" in sys.modules else _silent_stderr():
        return _import("tensorflow", "tensorflow")


def import_openvino() -> Any:
    """Import OpenVINO without its reports of imports and conversions; ExtractorError: it is not installed."""
    # None makes `import openvino_telemetry` fail; OpenVINO then falls back to a stub that sends nothing.
    sys.modules.setdefault("openvino_telemetry", cast(Any, None))
    return _import("openvino", "openvino")


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Drop what C++ writes to stderr: TensorFlow greets before it reads its own log level."""
    sys.stderr.flush()
    before = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(nowhere)
        os.close(before)


def _import(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ExtractorError(f"{package} cannot be imported ({error}): pip install {package}") from error
