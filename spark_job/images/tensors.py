"""What the decoder's process does with files: tensors for the network, in shared memory.

The process imports this module when it starts: nothing here needs Arrow, Spark or a network.
"""

import time
from dataclasses import dataclass

import numpy as np

from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError
from spark_job.extractors.specification import ExtractorSpecification
from spark_job.images.decoding import decode_picture
from spark_job.images.isolation import SharedArray
from spark_job.images.preparation import prepare
from spark_job.images.quality import Quality, measure

Content = bytes | ImageRejectedError


@dataclass(frozen=True, slots=True)
class Prepared:
    """What became of one image's bytes; its tensor lies in the shared slot unless there is an error.

    Attributes:
        width, height: of the photograph, in pixels.
        seconds: of the processor.
        quality: what the pixels say of the photograph.
    """

    width: int | None = None
    height: int | None = None
    error: str | None = None
    seconds: float = 0.0
    quality: Quality | None = None


def prepare_images(
    contents: list[Content],
    first_slot: int,
    *,
    specification: ExtractorSpecification,
    limits: ImageLimits,
    tensors: SharedArray,
) -> list[Prepared]:
    """Decode and prepare images into their slots."""
    slots = tensors.open()
    return [
        _prepare_image(content, specification, limits, slots[slot])
        for slot, content in enumerate(contents, first_slot)
    ]


def _prepare_image(
    content: Content, specification: ExtractorSpecification, limits: ImageLimits, tensor: np.ndarray
) -> Prepared:
    started = time.process_time()
    try:
        if isinstance(content, ImageRejectedError):
            raise content
        picture = decode_picture(content, limits)
        prepare(picture.pixels, specification, tensor)
        quality = measure(picture.pixels, picture.greyscale)
    except ImageRejectedError as error:
        return Prepared(error=str(error))
    height, width = picture.pixels.shape[:2]
    return Prepared(width, height, None, time.process_time() - started, quality)
