"""One Keras model of network and head: photographs in, probabilities out; plain TensorFlow loads it.

It holds layers and operations of Keras alone, so that loading needs neither this package nor trust in code.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from spark_job.analyses.classifier import Head, SavedClassifier
from spark_job.analyses.runs import Summary
from spark_job.contract.errors import MisuseError
from spark_job.contract.extractor_files import ENGINE_FILES
from spark_job.errors import ExtractorError
from spark_job.extractors.build import make_reproducible
from spark_job.extractors.frameworks import import_keras
from spark_job.extractors.specification import Extractor, ExtractorSpecification

SUFFIX = ".keras"
NAMED = 5  # so many classes are named on the command line


def export_keras(saved: SavedClassifier, extractor: Extractor, out: Path) -> Summary:
    """Write a Keras model of a classifier and its network: RGB of any size, 0 to 255 -> (n, classes).

    It does not decode: the caller applies EXIF orientation and removes transparency. Raises MisuseError
    if `out` is there already, or has another ending; ExtractorError if it cannot be made or written.
    """
    if out.suffix != SUFFIX:
        raise MisuseError(f"--out {out}: Keras' files end in {SUFFIX}")
    if out.exists():
        raise MisuseError(f"{out} is there already: delete it or give another --out")
    with tempfile.TemporaryDirectory(prefix="export-keras-") as scratch:
        (archive,) = ENGINE_FILES["tensorflow"]
        network = import_keras().saving.load_model(extractor.fetch(archive, Path(scratch)), compile=False)
        model, whole = whole_model(network, extractor.specification, saved.head), Path(scratch) / out.name
        try:
            model.save(whole)
            make_reproducible(whole)
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_bytes(whole.read_bytes())
        except OSError as error:
            raise ExtractorError(f"{out} cannot be written: {error}") from error
    classes = saved.description.classes
    lines = [
        ("model", str(out)),
        ("input", "RGB, 0 to 255, (images, height, width, 3), of any size"),
        ("output", f"{len(classes):,} probabilities for each image"),
        ("classes", f"{', '.join(classes[:NAMED])}{', …' if len(classes) > NAMED else ''}, in this order"),
    ]
    return Summary(lines, {"model": str(out), "classes": list(classes)}).and_then(
        f"keras.saving.load_model({str(out)!r})"
    )


def whole_model(network: Any, specification: ExtractorSpecification, head: Head) -> Any:
    """Build a Keras model: it resizes as `images.preparation` does, scales, runs network and head.

    It resizes by products with a matrix for each side: Keras' own resizing has no area average.
    """
    keras = import_keras()
    ops = keras.ops
    image = keras.Input((None, None, 3), name="image")
    ones = ops.ones_like(image)
    rows, columns = ops.max(ones, axis=(0, 2, 3)), ops.max(ones, axis=(0, 1, 3))
    height, width = specification.height, specification.width
    shrinks = ops.logical_and(ops.sum(rows) >= height, ops.sum(columns) >= width)
    resized = ops.einsum("hr,nrck->nhck", _weights(ops, shrinks, rows, height), image)
    resized = ops.einsum("wc,nhck->nhwk", _weights(ops, shrinks, columns, width), resized)
    pixels = ops.where(shrinks, ops.round(resized), resized)
    if specification.channel_order == "BGR":
        pixels = ops.flip(pixels, axis=-1)
    mean, scale = (np.asarray(numbers) for numbers in (specification.pixel_mean, specification.pixel_scale))
    scaled = keras.layers.Rescaling((1 / scale).tolist(), (-mean / scale).tolist(), name="scaling")(pixels)
    classes, length = head.coefficients.shape
    features = keras.layers.Reshape((length,), name="features")(network(scaled, training=False))
    dense = keras.layers.Dense(classes, activation="softmax", name="probabilities")
    model = keras.Model(image, dense(features), name=f"{specification.model}_classifier")
    dense.set_weights([head.coefficients.T, head.intercepts])
    return model


def _weights(ops: Any, shrinks: Any, ones: Any, size: int) -> Any:
    """Return (size, n) weights of n pixels: shares of an area where the image shrinks, else bilinear."""
    count, ends = ops.sum(ones), ops.cumsum(ones)
    stretch, numbers = count / size, ops.convert_to_tensor(np.arange(size, dtype=np.float32)[:, None])
    first = numbers * stretch
    covered = ops.minimum(first + stretch, ends) - ops.maximum(first, ends - 1)
    centres = ops.minimum(ops.maximum((numbers + 0.5) * count / size - 0.5, 0), count - 1)
    bilinear = ops.maximum(1 - ops.abs(centres - (ends - 1)), 0)
    return ops.where(shrinks, ops.maximum(covered, 0) / stretch, bilinear)
