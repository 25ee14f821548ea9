"""One Keras model of network and head: photographs in, probabilities out; plain TensorFlow loads it.

It holds layers and operations of Keras alone, so that loading needs neither this package nor trust in code.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from spark_job.analyses.analysis_run import Summary
from spark_job.analyses.classifier.saved_classifier import Head, SavedClassifier
from spark_job.contract.errors import MisuseError
from spark_job.contract.extractor_files import ENGINE_FILES
from spark_job.errors import ExtractorError
from spark_job.extractors.build import make_reproducible
from spark_job.extractors.folder import Extractor
from spark_job.extractors.frameworks import import_keras
from spark_job.extractors.specification import ExtractorSpecification

SUFFIX = ".keras"
NAMED = 5  # so many classes are named on the command line


def export_keras(saved: SavedClassifier, extractor: Extractor, out: Path) -> Summary:
    """Write the model of a classifier and the network that it was trained on.

    It takes float32 or uint8 (n, height, width, 3), RGB, 0 to 255, of any size, and gives float32
    (n, classes). What it does not do is decode: EXIF orientation and transparency are the caller's.

    Raises:
        MisuseError: `out` is there already, or has another ending.
        ExtractorError: TensorFlow is not installed, the network cannot be read, or `out` not be written.
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
    """Build a Keras model: it resizes as `images.preparation` does, scales, runs network and head."""
    keras = import_keras()
    image = keras.Input((None, None, 3), name="image")
    pixels = _resized(keras, image, specification.height, specification.width)
    if specification.channel_order == "BGR":
        pixels = keras.ops.flip(pixels, axis=-1)
    mean, scale = (np.asarray(numbers) for numbers in (specification.pixel_mean, specification.pixel_scale))
    scaled = keras.layers.Rescaling((1 / scale).tolist(), (-mean / scale).tolist(), name="scaling")(pixels)
    classes, length = head.coefficients.shape
    features = keras.layers.Reshape((length,), name="features")(network(scaled, training=False))
    dense = keras.layers.Dense(classes, activation="softmax", name="probabilities")
    model = keras.Model(image, dense(features), name=f"{specification.model}_classifier")
    dense.set_weights([head.coefficients.T, head.intercepts])
    return model


def _resized(keras: Any, image: Any, height: int, width: int) -> Any:
    """Resize bilinearly where the image grows; where both sides shrink, average areas, in whole grey levels.

    Both are products with a matrix for each side, which Keras' own resizing has no area average for.
    """
    ops = keras.ops
    ones = ops.ones_like(image)
    rows, columns = ops.max(ones, axis=(0, 2, 3)), ops.max(ones, axis=(0, 1, 3))
    shrinks = ops.logical_and(ops.sum(rows) >= height, ops.sum(columns) >= width)
    down = _weights(ops, shrinks, rows, height)
    across = _weights(ops, shrinks, columns, width)
    resized = ops.einsum("hr,nrck->nhck", down, image)
    resized = ops.einsum("wc,nhck->nhwk", across, resized)
    return ops.where(shrinks, ops.round(resized), resized)


def _weights(ops: Any, shrinks: Any, ones: Any, size: int) -> Any:
    """Return (size, n): how much each of n pixels counts in each of `size` equal stretches.

    Where the image shrinks it is the share of the stretch that the pixel covers, else that at its centre.
    """
    count, ends = ops.sum(ones), ops.cumsum(ones)
    stretch, numbers = count / size, ops.convert_to_tensor(np.arange(size, dtype=np.float32)[:, None])
    first = numbers * stretch
    covered = ops.minimum(first + stretch, ends) - ops.maximum(first, ends - 1)
    centres = ops.minimum(ops.maximum((numbers + 0.5) * count / size - 0.5, 0), count - 1)
    bilinear = ops.maximum(1 - ops.abs(centres - (ends - 1)), 0)
    return ops.where(shrinks, ops.maximum(covered, 0) / stretch, bilinear)
