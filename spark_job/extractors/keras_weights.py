"""ImageNet weights of Keras Applications: found in Keras' cache, or downloaded by Keras."""

import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from spark_job.errors import ExtractorError
from spark_job.extractors.frameworks import import_keras
from spark_job.extractors.request import FULL_SIZE, Request

# Of one connection or read, not of the whole download (up to 553 MB).
_TIMEOUT_SECONDS = 20.0


def cache_folders() -> list[Path]:
    """Where Keras keeps weights: its home, and the fallback it takes when its home cannot be written."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    return [home / "models", Path(tempfile.gettempdir()) / ".keras" / "models"]


def imagenet_weights(request: Request) -> Path:
    """Return the weights file of a Keras Applications network; download it when the cache has none.

    A file in the cache is taken as it is, whatever its hash: a site may have put an equivalent one there.

    Raises:
        ExtractorError: it is not there and cannot be downloaded.
    """
    name = str(request.weights_file)
    if found := _cached(name):
        return found
    reason = "the download left no such file"
    try:
        _download(request)
    except Exception as error:  # Keras raises a bare Exception when a download fails
        reason = " ".join(str(error).split())
    if found := _cached(name):
        return found
    raise ExtractorError(
        f"no ImageNet weights for {request.model.name}: {name} is not in "
        f"{cache_folders()[0]} and Keras cannot download it ({reason}); put the file there, give it with "
        "--weights FILE, or use efficientnet_lite0, which needs no download"
    )


def load_keras_weights(network: Any, path: Path, request: Request) -> None:
    """Fill a network from a weights file.

    Raises:
        ExtractorError: the file is damaged or of another network.
    """
    try:
        network.load_weights(path)
    except (ValueError, OSError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ExtractorError(
            f"{path} does not hold the weights of {request.model.name} that this extractor needs "
            f"(the file which Keras calls {request.weights_file}): {reason}"
        ) from error


def _cached(name: str) -> Path | None:
    home, fallback = cache_folders()
    # The fallback lies in a folder that everyone may write: trusted only where Keras itself uses it.
    folders = [home] if os.access(home.parent, os.W_OK) else [home, fallback]
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _download(request: Request) -> None:
    """Let Keras fetch, check and keep the official file, by building the network once at its full size."""
    constructor = getattr(import_keras().applications, str(request.model.constructor))
    with _socket_timeout(), redirect_stdout(sys.stderr):  # Keras prints its progress to stdout
        constructor(weights="imagenet", include_top=request.layer == "fc2", input_shape=(*FULL_SIZE, 3))


@contextmanager
def _socket_timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
