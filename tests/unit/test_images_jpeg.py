"""JPEGs: the scale at which they are decoded, how they are turned, their kinds, and what damages them."""

import io
import re
import struct
import tracemalloc
from math import ceil
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError
from spark_job.images.decoding import decode_picture
from spark_job.images.picture import upright
from tests.spark.photographs import animation, encoded, jpeg_kinds, pixels

LIMITS = ImageLimits()
END = b"\xff\xd9"


def segment(marker: int, payload: bytes) -> bytes:
    """One segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def exif(orientation: int) -> bytes:
    """The segment that turns a picture."""
    block = Image.Exif()
    block[0x0112] = orientation
    return segment(0xE1, block.tobytes())


def photograph(height: int, width: int, *, grain: int = 12) -> np.ndarray:
    """(height, width, 3) uint8, without a plain place."""
    random, (y, x) = np.random.default_rng(height), np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / 23 + y / 40), np.cos(y / 31), np.sin((x + y) / 50)], axis=-1)
    return np.clip(130 + 80 * waves + random.normal(0, grain, waves.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("height", "width", "denominator"),
    [
        (600, 600, 8),
        (480, 1200, 8),
        (472, 900, 4),
        (473, 473, 8),
        (237, 300, 4),
        (236, 300, 2),
        (118, 400, 1),
    ],
)
@pytest.mark.parametrize("orientation", [1, 6])
def test_the_scale_is_the_smallest_that_is_three_times_the_networks_input(
    height, width, denominator, orientation
):
    """In both directions of the upright picture, which here stands for a network of 20 x 20 pixels."""
    content = encoded(np.zeros((height, width, 3), np.uint8), quality=50)
    picture = decode_picture(content[:2] + exif(orientation) + content[2:], LIMITS, (20, 20))
    size, whole = (ceil(height / denominator), ceil(width / denominator)), (height, width)
    turned = slice(None, None, 1 if orientation == 1 else -1)
    assert picture.pixels.shape[:2] == size[turned]
    assert (picture.height, picture.width) == whole[turned]


def test_height_and_width_of_the_networks_input_are_those_of_the_upright_picture():
    """A network that looks at wide pictures needs other pixels of one that is turned."""
    content = encoded(np.zeros((400, 1600, 3), np.uint8), quality=50)
    assert decode_picture(content, LIMITS, (10, 60)).pixels.shape == (50, 200, 3)
    turned = content[:2] + exif(6) + content[2:]
    assert decode_picture(turned, LIMITS, (10, 60)).pixels.shape == (800, 200, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_scaled_photograph_is_turned_as_a_whole_one_is(orientation):
    """Each of Exif's eight orientations, at each scale, is what Pillow makes of it."""
    stored = photograph(160, 240, grain=0)
    content = encoded(stored, quality=95, subsampling=0)
    flips = {2: [0], 3: [3], 4: [1], 5: [5], 6: [4], 7: [6], 8: [2]}  # Image.Transpose
    image = Image.fromarray(stored)
    for method in flips.get(orientation, []):
        image = image.transpose(Image.Transpose(method))
    content = content[:2] + exif(orientation) + content[2:]
    for denominator in (1, 2, 4, 8):
        needed = (160 // denominator // 3, 240 // denominator // 3)
        picture = decode_picture(content, LIMITS, needed if orientation < 5 else needed[::-1])
        assert (picture.width, picture.height) == image.size
        size = (image.width // denominator, image.height // denominator)
        assert picture.pixels.shape == (*size[::-1], 3)
        assert picture.pixels.flags.c_contiguous
        expected = np.asarray(image.resize(size, Image.Resampling.BOX)).astype(int)
        assert np.abs(picture.pixels - expected).mean() < 2


@pytest.mark.parametrize(
    "before",
    {
        "a colour profile": segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(60_000)),
        "several of them": segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(65_000)) * 4,
        "XMP": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"),
        "a comment": segment(0xFE, b"x" * 5000),
        "Photoshop's block": segment(0xED, b"Photoshop 3.0\0" + bytes(9000)),
        "a block of Exif that is none": segment(0xE1, b"Exif\0\0 no TIFF header"),
        "bytes of no segment": b"abc",
        "more of the marker's first byte": b"\xff\xff",
    }.items(),
    ids=lambda item: item[0],
)
def test_exif_counts_wherever_its_block_stands(before):
    """Behind whatever else, as long as it stands before the pixels; and the picture is whole."""
    content = encoded(photograph(16, 40))
    picture = decode_picture(content[:2] + before[1] + exif(6) + content[2:], LIMITS)
    assert picture.pixels.shape == (40, 16, 3)
    assert picture.damage is None


@pytest.mark.parametrize(
    "block",
    [
        b"Exif\0\0",
        b"Exif\0\0Exif\0\0\0\x08",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        exif(9)[4:],
        exif(0)[4:],
        b"\0",
    ],
)
def test_malformed_exif_is_ignored(block):
    """The picture is shown as it is stored, and is not damaged."""
    content = encoded(photograph(16, 40))
    picture = decode_picture(content[:2] + segment(0xE1, block) + content[2:], LIMITS)
    assert picture.pixels.shape == (16, 40, 3)
    assert picture.damage is None


READ = [
    "arithmetic", "arithmetic progressive", "ycck", "a scan for each colour", "samples of 2x1 colours",
    "three samples across",
]  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_unusual_kinds_are_read(name):
    """Red grows to the right, green grows downwards, whatever wrote the file."""
    picture = decode_picture(jpeg_kinds()[name], LIMITS)
    assert picture.damage is None
    found = picture.pixels.astype(int)
    assert found.shape == (48, 64, 3)
    assert found[:, 60, 0].mean() > found[:, 3, 0].mean() + 100
    assert found[45, :, 1].mean() > found[3, :, 1].mean() + 100


@pytest.mark.parametrize(("name", "greyscale"), [("lossless", False), ("lossless grey", True)])
def test_a_lossless_jpeg_keeps_every_pixel(name, greyscale):
    """Of one channel as of three."""
    picture = decode_picture(jpeg_kinds()[name], LIMITS)
    y, x = np.mgrid[:16, :24]
    expected = np.stack([x * 10, y * 15, (x + y) * 6], axis=-1).astype(np.uint8)
    if greyscale:
        expected = expected[..., :1].repeat(3, axis=-1)
    np.testing.assert_array_equal(picture.pixels, expected)
    assert picture.greyscale == greyscale


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("twelve bits", "a JPEG of 12 bits a sample"),
        ("sixteen bits", "a JPEG of 16 bits a sample"),
        ("jpeg-ls", "a JPEG-LS file"),
    ],
)
def test_kinds_that_are_not_read_are_named(name, kind):
    """With what a person can do."""
    with pytest.raises(ImageRejectedError) as caught:
        decode_picture(jpeg_kinds()[name], LIMITS)
    assert str(caught.value) == f"{kind} is not read: save it as an ordinary JPEG or as PNG"


def test_the_first_of_several_pictures_is_scaled_too():
    """An MPO of a phone holds a second picture; bytes after the end marker are none of the first."""
    red, blue = (Image.new("RGB", (400, 400), colour) for colour in ("red", "blue"))
    picture = decode_picture(encoded(red, "MPO", save_all=True, append_images=[blue]), LIMITS, (10, 10))
    assert picture.pixels.shape == (50, 50, 3)
    assert (picture.pixels[..., 0] > 250).all()
    assert picture.damage is None
    assert decode_picture(animation("MPO") + b"more", LIMITS).damage is None


def test_a_progressive_file_beyond_the_memory_is_rejected_by_its_header():
    """It keeps two bytes for every sample until its last scan, at any scale."""
    content = bytearray(encoded(pixels(1), progressive=True, subsampling=0))
    frame = content.index(b"\xff\xc2")
    content[frame + 5 : frame + 9] = struct.pack(">HH", 12_000, 9_000)
    with pytest.raises(ImageRejectedError, match="this progressive JPEG of 9000 x 12000 pixels takes 6"):
        decode_picture(bytes(content), LIMITS, (224, 224))


def rows_there(content: bytes) -> tuple[int, bool]:
    """Return the share of rows that is told, and whether the picture is usable."""
    try:
        sentence, usable = decode_picture(content, LIMITS).damage, True
    except ImageRejectedError as error:
        sentence, usable = str(error), False
    assert sentence is not None
    if "all of its rows" in sentence:
        return 100, usable
    told = re.fullmatch(r"the file ends early: (\d+) % of its rows are there", sentence)
    assert told, sentence
    return int(told[1]), usable


TAILS = {
    "nothing": b"",
    "an end marker": END,
    "zeros": bytes(5000),
    "zeros and an end marker": bytes(5000) + END,
    "what erased memory holds": b"\xff" * 5000,
}


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS.keys())
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("restarts", [0, 1, 3])
def test_the_share_of_rows_of_a_file_that_ends_early_is_exact(subsampling, restarts, tail):
    """Whatever its last bytes: from nine tenths of the rows on it is usable, and damaged in part.

    What the first rows are compressed to does not depend on those that follow.
    """
    unit = 16 if subsampling == "4:2:0" else 8
    image = photograph(400, 300)
    options: dict[str, Any] = {"subsampling": subsampling, "quality": 85, "restart_marker_rows": restarts}
    whole = encoded(image, **options)
    for rows in (unit, 176, 352, 368, 400 - unit):
        # The last byte is filled up, and a restart marker may stand next.
        end = len(encoded(image[:rows], **options)) - 2
        for more in (8, 60):
            share = rows_there(whole[: end + more] + tail)
            assert share == (100 * rows // 400, rows >= 360), (rows, more)


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("tail", [b"", END, bytes(500)])
def test_the_share_of_a_progressive_file_is_that_of_its_last_scan(subsampling, tail):
    """Restart markers of the last scan show where each row of blocks begins."""
    whole = encoded(
        photograph(400, 300), subsampling=subsampling, quality=85, progressive=True, restart_marker_rows=1
    )
    last = whole.rindex(b"\xff\xda")
    starts = [
        place for place in range(last, len(whole)) if whole[place] == 0xFF and whole[place + 1] & 0xF8 == 0xD0
    ]
    assert len(starts) == 49
    for row in (1, 22, 44, 45, 48):
        share = rows_there(whole[: starts[row - 1] + 30] + tail)
        assert share == (100 * 8 * row // 400, row >= 45), row


@pytest.mark.parametrize("closed", [b"", END])
def test_a_progressive_file_without_its_last_scans_has_no_row_in_full(closed):
    """Also when it ends between two scans, of which no decoder warns."""
    whole = encoded(photograph(200, 300), progressive=True)
    for place in (whole.rindex(b"\xff\xda"), whole.rindex(b"\xff\xc4"), len(whole) // 3):
        with pytest.raises(ImageRejectedError, match="ends early: none of its rows is there in full"):
            decode_picture(whole[:place] + closed, LIMITS)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_file_that_lacks_its_end_marker_only_is_whole(progressive):
    """And it is told: a transfer may have stopped there."""
    content = encoded(photograph(200, 200), progressive=progressive)
    whole, picture = decode_picture(content, LIMITS), decode_picture(content[:-2], LIMITS)
    assert picture.damage == "the file ends early: all of its rows are there, its end marker is missing"
    np.testing.assert_array_equal(picture.pixels, whole.pixels)


def test_what_is_there_of_a_file_that_ends_early_is_shown():
    """Its rows are those of the whole file; what is missing is grey."""
    content = encoded(photograph(400, 300), subsampling=0, quality=85)
    whole, picture = (
        decode_picture(content, LIMITS),
        decode_picture(content[: int(len(content) * 0.95)], LIMITS),
    )
    share = rows_there(content[: int(len(content) * 0.95)])[0]
    assert share >= 93
    np.testing.assert_array_equal(picture.pixels[: share * 4], whole.pixels[: share * 4])
    assert (picture.pixels[-1] == 128).all()
    assert (picture.height, picture.width) == (400, 300)


@pytest.mark.parametrize("filling", [bytes(100), b"\xff" * 100, b"x" * 5])
def test_bytes_that_fill_a_whole_file_up_are_no_damage(filling):
    """Before its end marker; a decoder warns of them."""
    content = encoded(photograph(200, 200))
    assert decode_picture(content[:-2] + filling + END, LIMITS).damage is None


def test_data_that_is_left_over_after_the_last_row_is_damage():
    """Other bytes than those of the picture, for half of its length, fill its rows too early."""
    content = encoded(photograph(200, 200), quality=95)
    half = len(content) // 2
    noise = np.random.default_rng(1).integers(0, 254, half, dtype=np.uint8).tobytes()
    with pytest.raises(
        ImageRejectedError, match=r"damaged: \d\d % of its data is left over after its last row"
    ):
        decode_picture(content[:half] + noise + END, LIMITS)
    little = decode_picture(content[:-2] + noise[:300] + END, LIMITS).damage
    assert little == "the file is damaged: 2 % of its data is left over after its last row"


@pytest.mark.parametrize(("place", "usable"), [(0.4, False), (0.97, True)])
def test_a_code_that_does_not_exist_is_damage_from_there_on(place, usable):
    """Sixteen bits of 1 are none of any table; the rows before are whole."""
    whole = encoded(photograph(400, 300), quality=85, progressive=True, subsampling=0)
    last = whole.rindex(b"\xff\xda") + 10
    cut = last + int((len(whole) - last) * place)
    content = whole[:cut] + b"\xff\0" * 3 + whole[cut + 6 :]
    try:
        sentence = decode_picture(content, LIMITS).damage
        assert usable
    except ImageRejectedError as error:
        sentence = str(error)
        assert not usable
    told = re.fullmatch(r"the file is damaged after (\d+) % of its rows", sentence or "")
    assert told, sentence
    assert abs(int(told[1]) - 100 * place) < 4


def test_damage_that_ends_at_a_restart_marker_is_told():
    """The rest of the picture is there: usable."""
    content = bytearray(encoded(photograph(400, 300), quality=85, restart_marker_rows=1))
    del content[len(content) // 2 : len(content) // 2 + 400]
    assert (decode_picture(bytes(content), LIMITS).damage or "").startswith("the file is damaged in part: ")


@pytest.mark.parametrize("filling", [b"\0", b"\xff"])
def test_a_long_run_of_equal_bytes_amid_the_data_takes_no_time(filling):
    """A disk may leave a megabyte of them; the time must not grow with its square."""
    content = encoded(photograph(200, 200), quality=90)
    half = len(content) // 2
    with pytest.raises(ImageRejectedError, match=r"the file (is damaged|ends early)"):
        decode_picture(content[:half] + filling * 2**20 + b"x" + content[half:], LIMITS)


def test_a_scan_without_a_whole_header_is_damage_and_not_an_error():
    """It brings nothing of the picture."""
    content = encoded(photograph(40, 40), progressive=True)
    scan = content.index(b"\xff\xda")
    with pytest.raises(ImageRejectedError):
        decode_picture(content[:scan] + segment(0xDA, b"\1") + content[scan:], LIMITS)


@pytest.mark.parametrize(
    "unknown", [segment(0xE0, b"JFIF\0\x11\1\0\0\1\0\1\0\0"), segment(0xEE, b"Adobe\0\x64\0\0\0\0\xa4")]
)
def test_a_number_that_no_decoder_knows_is_no_damage(unknown):
    """A version of JFIF, a transformation of colours: the picture is what browsers show."""
    plain = encoded(photograph(64, 64), subsampling=0)
    picture = decode_picture(plain[:2] + unknown + plain[20:], LIMITS)
    np.testing.assert_array_equal(picture.pixels, decode_picture(plain, LIMITS).pixels)
    assert picture.damage is None


def test_a_jpeg_whose_frame_is_missing_did_not_end_early():
    """Its compressed data is there, its size is not."""
    content = encoded(photograph(64, 64))
    frame = content.index(b"\xff\xc0")
    with pytest.raises(ImageRejectedError, match="the file is damaged: it is a JPEG whose size is missing"):
        decode_picture(content[:frame] + content[frame + 19 :], LIMITS)


def test_a_printers_jpeg_of_an_unknown_version_is_read():
    """What the decoder of usual JPEGs warns of does not keep it from the one that reads CMYK."""
    plain = encoded(Image.fromarray(photograph(64, 64)).convert("CMYK"))
    unknown = plain[:2] + segment(0xE0, b"JFIF\0\x11\1\0\0\1\0\1\0\0") + plain[2:]
    np.testing.assert_array_equal(
        decode_picture(unknown, LIMITS).pixels, decode_picture(plain, LIMITS).pixels
    )


def test_a_printers_jpeg_that_ends_early_is_used_like_any_other():
    """CMYK: without its end marker, with nine tenths of its rows, with half of them."""
    content = encoded(Image.fromarray(photograph(320, 200)).convert("CMYK"), quality=95)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    for length, damage in ((-1, "its end marker is missing"), (len(content) * 97 // 100, "% of its rows")):
        picture = decode_picture(content[:length], LIMITS)
        assert damage in (picture.damage or "")
        np.testing.assert_array_equal(picture.pixels[:288], expected[:288])
    with pytest.raises(ImageRejectedError, match=r"the file ends early: 4\d % of its rows are there"):
        decode_picture(content[: len(content) // 2], LIMITS)
    assert decode_picture(content, LIMITS, (20, 20)).pixels.shape == (160, 100, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_with_one_copy_of_it(orientation):
    """The memory that a header is checked for holds the pixels twice."""
    stored = photograph(400, 300)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(turned_png(stored, orientation)))))
    tracemalloc.start()
    turned = upright(stored, orientation)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(turned, expected)
    assert most < 1.1 * stored.nbytes


def turned_png(stored: np.ndarray, orientation: int) -> bytes:
    """A file whose Exif block turns its pixels, which are kept as they are."""
    block = Image.Exif()
    block[0x0112] = orientation
    return encoded(stored, "PNG", exif=block)
