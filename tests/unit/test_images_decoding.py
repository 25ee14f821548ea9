"""Every kind of image becomes the upright RGB pixels a person sees, or a reason in words."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError
from spark_job.images.formats.names import READ
from tests.spark import photographs
from tests.spark.photographs import decode, encoded, pixels

LIMITS = ImageLimits()


@pytest.mark.parametrize("name", sorted(photographs.usable_oddities()))
def test_unusual_pictures_are_usable(name):
    """Whatever its kind, a picture gives contiguous (h, w, 3) uint8."""
    found = decode(photographs.usable_oddities()[name], LIMITS)
    assert found.dtype == np.uint8
    assert found.ndim == 3
    assert found.shape[2] == 3
    assert found.flags.c_contiguous


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "WEBP"])
def test_lossless_kinds_keep_every_pixel(kind):
    """A picture without loss comes back as it went in."""
    image = np.full((9, 13, 3), (200, 30, 60), np.uint8)
    image[3:5, 2:9] = (10, 220, 90)
    options = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(decode(encoded(image, kind, **options), LIMITS), image)


def test_a_plain_jpeg_has_the_pixels_that_pillow_gives():
    """The fast decoder differs from the reference by rounding only."""
    content = encoded(pixels(4, 120, 90), quality=92)
    reference = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    assert np.abs(decode(content, LIMITS) - reference).max() <= 1


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_jpegs_keep_their_brightness(mode):
    """A printer's or a scanner's JPEG is neither inverted nor tinted."""
    image = Image.fromarray(np.full((32, 32, 3), (180, 90, 60), np.uint8)).convert(mode)
    expected = np.asarray(image.convert("RGB"))[0, 0].astype(int)
    found = decode(encoded(image, quality=95), LIMITS).reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(found, expected, atol=3)


def test_sixteen_bit_grey_is_scaled_and_not_clipped():
    """A linear ramp of 0..65535 stays a ramp of 0..255."""
    ramp = np.linspace(0, 65_535, 256).astype(np.uint16)[None, :].repeat(8, axis=0)
    found = decode(encoded(Image.fromarray(ramp), "PNG"), LIMITS)
    np.testing.assert_array_equal(found, (ramp >> 8).astype(np.uint8)[:, :, None].repeat(3, axis=2))


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGBA"), ("PNG", "LA"), ("WEBP", "RGBA"), ("TIFF", "RGBA")]
)
def test_what_is_transparent_becomes_white(kind, mode):
    """Fully transparent pixels are white, whatever colour they hide; opaque ones stay."""
    image = np.zeros((16, 16, 4), np.uint8)
    image[:8, :, 3] = 255
    options = {"lossless": True} if kind == "WEBP" else {}
    found = decode(encoded(Image.fromarray(image).convert(mode), kind, **options), LIMITS)
    assert (found[:8] == 0).all()
    assert (found[8:] == 255).all()


def test_half_transparent_red_becomes_pink():
    """Alpha mixes with white."""
    image = np.full((4, 4, 4), (255, 0, 0, 128), np.uint8)
    np.testing.assert_allclose(decode(encoded(image, "PNG"), LIMITS)[0, 0], (255, 127, 127), atol=1)


def test_a_palettes_transparent_colour_becomes_white():
    """The one transparent colour of a GIF and a palette PNG."""
    image = Image.new("P", (4, 4), 0)
    image.putpalette([0, 0, 0, 200, 10, 10])
    for kind in ("GIF", "PNG"):
        assert (decode(encoded(image, kind, transparency=0), LIMITS) == 255).all(), kind


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_an_animation_gives_its_first_frame(kind):
    """Red comes first."""
    assert (decode(photographs.animation(kind), LIMITS) == (255, 0, 0)).all()


# Where the stored left half (red) lies once the image is upright.
UPRIGHT_RED: dict[int, Any] = {
    1: np.s_[:, :18],
    2: np.s_[:, 22:],
    3: np.s_[:, 22:],
    4: np.s_[:, :18],
    5: np.s_[:18],
    6: np.s_[:18],
    7: np.s_[22:],
    8: np.s_[22:],
}


@pytest.mark.parametrize("orientation", UPRIGHT_RED)
def test_a_photograph_is_turned_upright(orientation):
    """All eight orientations of EXIF."""
    found = decode(photographs.turned_jpeg(orientation), LIMITS)
    assert found.shape == ((20, 40, 3) if orientation < 5 else (40, 20, 3))
    red = found[UPRIGHT_RED[orientation]].astype(int)
    assert (red[..., 0] > 200).all()
    assert (red[..., 2] < 60).all()


REASONS = {
    "empty.jpg": "the file is empty",
    "truncated.jpg": "the file ends early: 25 % of its rows are there",
    "truncated.png": "the file ends early: 12 % of its rows are there",
    "text.jpg": f"not an image of a known format ({', '.join(READ)})",
    "page.png": "not an image but a web page: download the image itself",
    "zeros.jpg": f"not an image of a known format ({', '.join(READ)})",
    "bomb.png": "the image has 20000 x 20000 pixels, more than --max-pixels 250,000,000",
    "bomb.jpg": "the image has 20000 x 20000 pixels, more than --max-pixels 250,000,000",
    "floats.tiff": "floating-point pixels have no brightness range that is known: save it as JPEG or PNG",
}


@pytest.mark.parametrize("name", REASONS)
def test_a_hopeless_file_is_rejected_with_a_reason(name):
    """The reason is one that a person understands."""
    with pytest.raises(ImageRejectedError) as caught:
        decode(photographs.hopeless_files()[name], LIMITS)
    assert str(caught.value) == REASONS[name]


@pytest.mark.parametrize("name", ["bomb.png", "bomb.jpg"])
def test_a_decompression_bomb_costs_no_memory(name):
    """1.2 GB are promised; they are refused by the header."""
    content, process = photographs.hopeless_files()[name], psutil.Process()
    before = process.memory_info().rss
    with pytest.raises(ImageRejectedError):
        decode(content, LIMITS)
    assert process.memory_info().rss - before < 30 * 1024**2


def test_the_pixel_limit_holds_for_every_kind():
    """One pixel more than allowed is refused, the limit itself is not."""
    limits = ImageLimits(max_pixels=100)
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"):
        decode(encoded(pixels(1, 10, 10), kind), limits)
        with pytest.raises(ImageRejectedError, match="more than --max-pixels 100"):
            decode(encoded(pixels(1, 10, 11), kind), limits)


SHORT_OF_MEMORY = """
import resource, sys
import numpy as np
from spark_job.errors import ImageRejectedError
from spark_job.contract.run_options import ImageLimits
from spark_job.images.preparation import prepare
from tests.spark.photographs import decode, encoded
from tests.fuzz.answers import SPECIFICATION
content = encoded(np.zeros((8000, 4000), np.uint8), sys.argv[1])
strip = np.zeros((4, 10_000_000, 3), np.uint8)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 80_000_000,) * 2)
for step in (
    lambda: decode(content, ImageLimits()),
    lambda: prepare(strip, SPECIFICATION, np.empty((8, 8, 3), np.float32)),
):
    try:
        step()
    except ImageRejectedError as error:
        print(error)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is limited so on Linux only")
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_too_large_for_the_memory_is_rejected(kind):
    """Such a picture is that one image's loss, in the decoder and in the resizing."""
    project = Path(__file__).resolve().parents[2]
    answer = subprocess.run(
        [sys.executable, "-c", SHORT_OF_MEMORY, kind],
        env={**os.environ, "PYTHONPATH": str(project), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.splitlines() == [
        "decoding needs more memory than the limits allow",
        "resizing needs more memory than the limits allow",
    ]
