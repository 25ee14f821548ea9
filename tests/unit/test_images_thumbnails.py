"""Thumbnails: small JPEGs of pixels that are decoded already."""

import io

import numpy as np
import pytest
from PIL import Image

from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError
from spark_job.images.decoding import decode_picture
from spark_job.images.isolation import Order
from spark_job.images.preparation import MAX_THUMBNAIL_BYTES, THUMBNAIL, encode_thumbnail, make_thumbnail
from tests.spark.photographs import encoded, pixels


def shown(thumbnail: bytes) -> Image.Image:
    return Image.open(io.BytesIO(thumbnail))


@pytest.mark.parametrize(
    ("size", "expected"),
    [((640, 480), (64, 48)), ((90, 1200), (5, 64)), ((5000, 3), (64, 1)), ((20, 30), (20, 30))],
)
def test_a_thumbnail_keeps_proportions_and_never_grows(size, expected):
    """The longer side has 64 pixels, or as many as the photograph has."""
    width, height = size
    thumbnail = shown(encode_thumbnail(np.full((height, width, 3), 90, np.uint8)))
    assert (thumbnail.format, thumbnail.size) == ("JPEG", expected)


def test_a_thumbnail_has_the_photographs_colours_by_area():
    """Fine stripes become grey, not one of their colours; left stays left."""
    pixels = np.zeros((600, 800, 3), np.uint8)
    pixels[::2, :400], pixels[:, 400:] = 255, (200, 30, 30)
    found = np.asarray(shown(encode_thumbnail(pixels)).convert("RGB")).astype(int)
    np.testing.assert_allclose(found[:, :28].reshape(-1, 3).mean(axis=0), 127, atol=4)
    np.testing.assert_allclose(found[:, 36:].reshape(-1, 3).mean(axis=0), (200, 30, 30), atol=4)


def test_the_noisiest_picture_fits():
    """Black and white without order takes the most bytes."""
    noise = np.random.default_rng(0).integers(0, 2, (64, 64, 1), np.uint8).repeat(3, axis=2) * 255
    colours = np.random.default_rng(0).integers(0, 2, (64, 64, 3), np.uint8) * 255
    for picture in (noise, colours):
        assert len(encode_thumbnail(picture)) <= MAX_THUMBNAIL_BYTES


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("share", [0.5, 1])
def test_half_a_file_shows_its_half(kind, share):
    """A report has the picture of what is there, beside the reason why the image was rejected."""
    content = encoded(pixels(5, 400, 300), kind)
    slot = np.zeros((), [("thumbnail", THUMBNAIL)])
    make_thumbnail(Order(content[: int(len(content) * share)]), slot, limits=ImageLimits())
    assert shown(slot["thumbnail"].tobytes()).size == (48, 64)
    if share < 1:
        with pytest.raises(ImageRejectedError):
            decode_picture(content[: len(content) // 2], ImageLimits())
