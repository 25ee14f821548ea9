"""Makes an extractor folder: the network for each engine, and `extractor.json` that describes it."""

import json
import re
import shutil
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from spark_job.contract.errors import MisuseError
from spark_job.contract.extractor_files import ENGINE_FILES, SPECIFICATION
from spark_job.errors import ExtractorError
from spark_job.extractors.frameworks import import_openvino
from spark_job.extractors.models import make_network, sha256_of
from spark_job.extractors.request import Request, check_request
from spark_job.extractors.specification import ExtractorSpecification, Weights
from spark_job.provenance import installed_versions

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip file can say
_BUILDERS = ("keras", "tensorflow", "openvino")


def make_reproducible(archive: Path) -> None:
    """Rewrite a `.keras` file without the dates and memory addresses that Keras puts into it.

    The same network then gives the same file, so an extractor built again keeps its fingerprint, and the
    features it computed before can be reused.
    """
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
    """Make the folder `out`, whole or not at all.

    With the same package versions, the same request gives the same files, byte for byte.

    Args:
        options: as `check_request` takes them.

    Raises:
        MisuseError: the options do not fit the model or each other, or `out` is taken.
        ExtractorError: the weights cannot be had, a package is missing, or `out` cannot be written.
    """
    request = check_request(model, **options)
    if (out / SPECIFICATION).exists():
        raise MisuseError(f"{out} already holds an extractor: delete it first or give another --out")
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise MisuseError(f"{out} exists and is not an empty folder: give another --out")
    with _whole_or_nothing(out) as folder:
        network, origin = make_network(request)
        _write_networks(network, request, folder)
        specification = _specification(network, request, origin, folder)
        (folder / SPECIFICATION).write_text(specification.to_json(), encoding="utf-8")
    return specification


@contextmanager
def _whole_or_nothing(out: Path) -> Iterator[Path]:
    """Yield a folder beside `out` that becomes `out` at the end, or disappears."""
    folder = out.absolute().parent / f".{out.absolute().name}.{uuid4().hex[:8]}.building"
    try:
        folder.mkdir(parents=True)
        yield folder
        folder.rename(out)
    except OSError as error:
        raise ExtractorError(f"{out} cannot be written: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
