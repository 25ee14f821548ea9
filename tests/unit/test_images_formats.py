"""Every format but JPEG: the pixels that a person sees, or the name of what is not read and what to do."""

import io
import struct
import zlib
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import TiffImageFile

from spark_job.contract.image_names import IMAGE_EXTENSIONS
from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError
from spark_job.images.decoding import decode_picture
from spark_job.images.formats.names import recognise
from spark_job.images.picture import check_size
from spark_job.provenance import package_versions
from tests.fuzz import seeds
from tests.spark.photographs import animation, decode, encoded, heic_files, pixels, png_chunk

LIMITS = ImageLimits()
NOISE = np.random.default_rng(5).integers(0, 256, (200, 120, 3)).astype(np.uint8)


def jpeg_xl(image: np.ndarray, **options: Any) -> bytes:
    """A JPEG XL without loss."""
    return bytes(imagecodecs.jpegxl_encode(image, lossless=True, **options))


def rejection(data: bytes) -> str:
    """What is said of a file that cannot be used."""
    with pytest.raises(ImageRejectedError) as caught:
        decode_picture(data, LIMITS)
    return str(caught.value)


@pytest.mark.parametrize("name", sorted(heic_files()))
def test_a_heic_of_any_kind_is_read(name):
    """Ten bits, transparency, several pictures, a grid of tiles: three channels of 8 bits."""
    found = decode_picture(heic_files()[name], LIMITS)
    assert found.pixels.shape == (found.height, found.width, 3)
    assert found.pixels.std() > 5


def test_a_heic_is_turned_once():
    """Its own turn is libheif's; the same turn in its Exif block is not done again."""
    found = decode_picture(heic_files()["phone.heic"], LIMITS)
    assert (found.width, found.height) == (124, 120)


def test_the_content_decides_and_not_the_name():
    """Nothing is asked of a name: phones call a HEIC .jpg."""
    assert recognise(heic_files()["photograph.heic"]) == "HEIC"
    assert {".heic", ".heif", ".avif", ".jp2", ".jxl"} < set(IMAGE_EXTENSIONS)


def test_avif_jpeg_2000_and_jpeg_xl_keep_their_pixels():
    """Exactly where nothing is lost, nearly where something is."""
    image = pixels(3, 90, 60)
    np.testing.assert_array_equal(decode(jpeg_xl(image), LIMITS), image)
    np.testing.assert_array_equal(decode(encoded(image, "JPEG2000"), LIMITS), image)
    codestream = encoded(image, "JPEG2000", no_jp2=True)
    np.testing.assert_array_equal(decode(codestream, LIMITS), image)
    avif = decode(encoded(image, "AVIF", quality=100, subsampling="4:4:4"), LIMITS)
    assert np.abs(avif.astype(int) - image).max() <= 4


@pytest.mark.parametrize("kind", ["AVIF", "TIFF", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_every_format_that_carries_a_turn_is_turned(kind, orientation):
    """The left half, red, comes to stand at the right or at the top."""
    stored = np.zeros((20, 40, 3), np.uint8)
    stored[:, :20, 0], stored[:, 20:, 2] = 255, 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode_picture(encoded(stored, kind, exif=exif), LIMITS)
    red = found.pixels[:18] if orientation == 6 else found.pixels[:, 22:]
    assert red[..., 0].min() > 200
    assert (found.width, found.height) == ((20, 40) if orientation == 6 else (40, 20))


def test_jpeg_xl_of_every_shape_tells_its_size():
    """Small and large sides, and sides in a usual ratio, are written in different ways."""
    for height, width in [(64, 64), (8, 248), (300, 400), (301, 299), (90, 160), (1025, 3)]:
        content = jpeg_xl(pixels(1, height, width), effort=1)
        found = decode_picture(content, LIMITS)
        assert (found.height, found.width) == (height, width)
    boxed = jpeg_xl(pixels(1, 30, 50), usecontainer=True)
    assert decode(boxed, LIMITS).shape == (30, 50, 3)


def bitmap(values: np.ndarray, masks: tuple[int, ...], *, top_down: bool = False) -> bytes:
    """A BMP of 16 or 32 bits a pixel with these masks for red, green, blue and transparency."""
    height, width = values.shape
    rows = values if top_down else values[::-1]
    row_bytes = [row.tobytes() + b"\0" * (-len(row.tobytes()) % 4) for row in rows]
    body = b"".join(row_bytes)
    signed_height = -height if top_down else height
    info = struct.pack(
        "<IiiHHIIiiII", 124, width, signed_height, 1, values.itemsize * 8, 3, len(body), 0, 0, 0, 0
    )
    info += struct.pack("<4I", *masks, *[0] * (4 - len(masks))) + bytes(124 - 56)
    return b"BM" + struct.pack("<IHHI", 14 + 124 + len(body), 0, 0, 14 + 124) + info + body


@pytest.mark.parametrize("top_down", [False, True])
def test_a_bitmap_with_unusual_bitfields_is_read(top_down):
    """Ten bits for each colour, and four: the masks say where they are."""
    ten = np.array([[1023 << 20, 1023 << 10, 1023], [0, 512 << 20, 2**30 - 1]], np.uint32)
    found = decode(bitmap(ten, (1023 << 20, 1023 << 10, 1023), top_down=top_down), LIMITS)
    assert found.tolist() == [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 0], [127, 0, 0], [255] * 3]]
    four = np.array([[0xF00, 0x0F0, 0x00F]], np.uint16)
    found = decode(bitmap(four, (0xF00, 0x0F0, 0x00F), top_down=top_down), LIMITS)
    assert found.tolist() == [[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]


def test_a_cielab_tiff_has_the_colours_that_it_was_made_of():
    """Printers' files: L, a and b are turned back into red, green and blue."""
    image = Image.fromarray(pixels(3))
    srgb, lab = (ImageCms.createProfile(name) for name in ("sRGB", "LAB"))
    turned = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
    assert turned is not None
    content = encoded(turned, "TIFF")
    assert np.abs(decode(content, LIMITS).astype(int) - np.asarray(image)).mean() < 1.5


@pytest.mark.parametrize("bits", [1, 8, 10, 12, 14, 16])
@pytest.mark.parametrize("ending", [".png", ".tif"])
@pytest.mark.parametrize("shape", [(24, 64), (24, 64, 3)], ids=["grey", "colour"])
def test_values_of_16_bits_are_scaled_by_the_bits_they_use(bits, ending, shape):
    """A ramp over 10 or 12 bits is as bright as one over 8, and keeps its steps."""
    ramp = np.linspace(0, 2**bits - 1, 64).round().astype(np.uint16)
    ramp = np.broadcast_to(ramp.reshape(1, 64, *[1] * (len(shape) - 2)), shape)
    content = cv2.imencode(ending, np.ascontiguousarray(ramp))[1].tobytes()
    found = decode_picture(content, LIMITS)
    expected = ramp * 255 if bits == 1 else ramp >> (bits - 8)
    expected = expected if expected.ndim == 3 else expected[:, :, None]
    np.testing.assert_array_equal(found.pixels, np.broadcast_to(expected, (24, 64, 3)))
    assert found.greyscale == (len(shape) == 2)


def test_a_tiff_may_name_its_largest_value():
    """A dark picture of 12 bits stays dark when MaxSampleValue says so."""
    dark = Image.fromarray(np.full((8, 8), 512, np.uint16))
    assert decode(encoded(dark, "TIFF", tiffinfo={281: 4095}), LIMITS).max() == 512 >> 4


def test_whole_numbers_of_32_bits_are_read_when_their_range_is_known():
    """0 to 255 are a picture; larger ones, and negative ones, could be anything."""
    ramp = np.arange(256, dtype=np.int32).reshape(16, 16)
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(ramp), "TIFF"), LIMITS)[:, :, 0], ramp)
    assert "32-bit pixels have no brightness range" in rejection(encoded(Image.fromarray(ramp * 999), "TIFF"))
    assert "signed" in rejection(encoded(Image.fromarray(ramp - 9), "TIFF"))


def directory(tags: dict[int, int]) -> bytes:
    """A TIFF that has these tags and nothing else."""
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4)


UNREAD = {
    "Canon CR2": b"II*\0\x10\0\0\0CR\x02\0",
    "Canon CR3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    "Olympus ORF": b"IIRO\x08\0\0\0",
    "DNG, NEF, ARW": directory({254: 1, 256: 160, 257: 120, 330: 9000}),
    "Photoshop": b"8BPS\0\1" + bytes(20),
    "SVG": b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "PDF": b"%PDF-1.7\n",
    "MP4 or QuickTime": b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
    "AVI": b"RIFF\x10\0\0\0AVI LIST",
    "Matroska": b"\x1aE\xdf\xa3" + bytes(20),
    "OpenEXR": b"\x76\x2f\x31\x01" + bytes(20),
    "DICOM": bytes(128) + b"DICM" + bytes(20),
    "web page": b"\n<!DOCTYPE HTML><title>404</title>",
    "ZIP archive": b"PK\3\4" + bytes(30),
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\n",
}


@pytest.mark.parametrize("name", UNREAD)
def test_what_is_not_read_is_named_with_what_to_do(name):
    """A person learns what the file is, and a way out; none is called damaged."""
    words = rejection(UNREAD[name])
    assert name in words
    assert words.partition(": ")[2].startswith(("save it as", "download", "unpack", "fetch"))


def with_chunk(name: bytes, data: bytes, wrong: int = 0) -> bytes:
    """A PNG of 24 x 32 pixels with one chunk more, whose checksum may be wrong."""
    content = encoded(pixels(7), "PNG")
    checksum = struct.pack(">I", zlib.crc32(name + data) ^ wrong)
    return content[:33] + struct.pack(">I", len(data)) + name + data + checksum + content[33:]


@pytest.mark.parametrize(
    "content",
    [
        with_chunk(b"tEXt", b"Software\0scanner", wrong=1),
        with_chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(400)), wrong=1),
        with_chunk(b"gAMA", b"\0"),
        with_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(100_000_000), 9)),
        with_chunk(b"tEXt", b"k\0" + b"t" * 9_000_000),
        with_chunk(b"eXIf", b"\0\x08\0\2\1\x12\0\3 not a TIFF header"),
        encoded(pixels(7), "PNG")[:-12],
    ],
    ids=["text", "profile", "gamma", "packed text", "long text", "Exif", "no end"],
)
def test_a_png_whose_pixels_are_whole_is_read_as_by_a_browser(content):
    """Whatever is wrong beside them."""
    np.testing.assert_array_equal(decode(content, LIMITS), pixels(7))


def test_a_webp_with_a_malformed_exif_block_is_read_as_stored():
    """An Exif block that is none turns nothing."""
    content = encoded(pixels(7), "WEBP", lossless=True, exif=b"Exif\0\0\0\x08 not a TIFF header")
    np.testing.assert_array_equal(decode(content, LIMITS), pixels(7))


def tiff(**options: Any) -> bytes:
    """NOISE in strips of ten rows, its directory before them."""
    content = encoded(NOISE, "TIFF", tiffinfo={278: 10}, **options)
    assert content[4:8] == b"\x08\0\0\0" or options
    return content


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_file_of_which_nine_tenths_are_there_is_usable_and_said_to_be_damaged(kind):
    """The rows that are there are exact; the others are grey."""
    content = encoded(NOISE, "PNG") if kind == "PNG" else tiff()
    found = decode_picture(content[: len(content) * 96 // 100], LIMITS)
    assert found.damage is not None
    assert found.damage.startswith("the file ends early: 9")
    whole = int(found.damage.split(": ")[1].split(" %")[0]) * 2
    np.testing.assert_array_equal(found.pixels[:whole], NOISE[:whole])
    assert (found.pixels[198:] == 128).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_half_a_file_is_rejected_with_the_share_that_is_there(kind):
    """So that a person knows whether to look for another copy."""
    content = encoded(NOISE, "PNG") if kind == "PNG" else tiff()
    share = int(rejection(content[: len(content) // 2]).split(": ")[1].split(" %")[0])
    assert 45 <= share <= 50


def test_pixels_whose_checksum_is_wrong_are_said_to_be_damaged():
    """All rows can be unpacked, so they are shown."""
    content = bytearray(encoded(NOISE, "PNG", compress_level=0))
    content[len(content) // 2] ^= 4
    found = decode_picture(bytes(content), LIMITS)
    assert found.damage == "the file is damaged: all of its rows are there"


def test_a_tiff_with_a_broken_strip_is_usable_to_there():
    """Its strips are packed each by itself."""
    content = bytearray(tiff(compression="tiff_adobe_deflate"))
    with TiffImageFile(io.BytesIO(bytes(content))) as image:
        offset = image.tag_v2[273][19]
    content[offset : offset + 40] = bytes(40)
    found = decode_picture(bytes(content), LIMITS)
    assert found.damage == "the file is damaged: 95 % of its rows are there"
    np.testing.assert_array_equal(found.pixels[:190], NOISE[:190])


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "BMP", "AVIF", "JPEG2000"])
def test_other_files_that_end_early_are_said_to_do_so_or_to_be_damaged(kind):
    """Which rows are there is not known of them."""
    content = encoded(NOISE, kind)
    assert rejection(content[: len(content) // 2]).startswith(("the file ends early", "the file is damaged"))
    assert "not an image" not in rejection(content[: len(content) // 2])


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF", "JPEG2000"])
def test_a_large_picture_is_averaged_while_it_is_read(kind):
    """At least three times the network's input is left, and no aliasing: means over areas."""
    image = pixels(4, 240, 200)
    image[::2] //= 2
    found = decode_picture(encoded(image, kind), LIMITS, (16, 16))
    assert (found.width, found.height) == (200, 240)
    assert found.pixels.shape == (60, 50, 3)
    reference = image.reshape(60, 4, 50, 4, 3).mean((1, 3))
    tolerance = {"GIF": 40, "JPEG2000": 60}.get(kind, 1)
    assert np.abs(found.pixels - reference).max() <= tolerance


def test_a_webp_shrinks_in_its_decoder():
    """The mean of each area stays."""
    image = pixels(4, 240, 200)
    found = decode_picture(encoded(image, "WEBP", lossless=True), LIMITS, (16, 16))
    assert found.pixels.shape == (60, 50, 3)
    assert np.abs(found.pixels - image.reshape(60, 4, 50, 4, 3).mean((1, 3))).mean() < 2


def header_only(width: int, height: int, interlaced: int) -> bytes:
    """A PNG of 16-bit colours that promises so many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, interlaced)
    return (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")
    )


def test_what_needs_more_memory_than_a_core_has_is_rejected_by_its_header():
    """An interlaced PNG is held whole; the reason names format, size, memory and a way out."""
    words = rejection(header_only(7900, 8000, interlaced=1))
    assert words.startswith("decoding this PNG of 7900 x 8000 pixels takes ")
    assert "more than the 350 MiB that a core has for it" in words


def test_an_avif_of_several_frames_gives_its_first():
    """One of the libraries that read AVIF crashes there."""
    found = decode(animation("AVIF"), LIMITS).astype(int)
    assert (np.abs(found - (255, 0, 0)) < 20).all()


@pytest.mark.parametrize("compression", ["tiff_deflate", "lzma", "zstd", "packbits", "tiff_lzw"])
def test_a_tiff_of_any_compression_keeps_its_pixels(compression):
    """Also those that libvips does not know."""
    image = pixels(3, 40, 30)
    np.testing.assert_array_equal(decode(encoded(image, "TIFF", compression=compression), LIMITS), image)


def test_the_words_of_libraries_are_not_repeated():
    """They name functions and addresses; a person needs to know what is damaged."""
    header = struct.pack(">IIBBBBB", 8, 8, 3, 3, 0, 0, 0)  # no PNG has three bits
    content = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IEND", b"")
    with pytest.raises(ImageRejectedError) as caught:
        decode(content, LIMITS)
    assert str(caught.value) == "the file is damaged: this PNG cannot be decoded"


def test_boxes_of_an_unknown_brand_are_no_video():
    """A damaged brand says nothing of what the file was."""
    with pytest.raises(ImageRejectedError, match="not an image of a known format"):
        decode(b"\0\0\0\x18ftyp\0eic" + bytes(40), LIMITS)


@pytest.mark.parametrize(
    ("options", "kind", "reason"),
    [
        ({"compression": 34_712}, np.uint8, r"this kind of TIFF is not read \(compression 34712\)"),
        ({}, np.int8, "signed pixels have no brightness range"),
        ({}, np.float64, "floating-point pixels have no brightness range"),
    ],
)
def test_a_kind_of_tiff_that_is_not_read_is_not_called_damaged(options, kind, reason):
    """It is whole: a compression that no library here knows, signed bytes, numbers of 64 bits."""
    with pytest.raises(ImageRejectedError, match=reason):
        decode(seeds.tiff(pixels(1).astype(kind), "<", **options), LIMITS)


def test_a_grey_heic_of_ten_bits_keeps_its_brightness():
    """A ramp from black to white, and not white alone."""
    picture = decode_picture(heic_files()["ten bits grey.heic"], LIMITS)
    assert picture.greyscale
    np.testing.assert_allclose(picture.pixels[20, :, 0], np.linspace(0, 255, 56), atol=6)


def test_a_picture_of_no_rows_is_damaged():
    """Resizing it would fail in words about memory."""
    with pytest.raises(ImageRejectedError, match="the file is damaged: it says that it has 64 x 0 pixels"):
        check_size(64, 0, LIMITS)


def saved(image: Image.Image, **options: Any) -> bytes:
    """A TIFF as Pillow writes it."""
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "jpeg"])
def test_a_tiff_of_brightness_and_two_colours_has_the_colours_of_the_picture(compression):
    """YCbCr: the numbers are no red, green and blue, whether or not JPEG packed them."""
    content = saved(Image.fromarray(NOISE).convert("YCbCr"), compression=compression)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert np.abs(decode(content, LIMITS).astype(int) - expected).mean() < 1


def test_a_tiff_whose_colours_are_fewer_than_its_pixels_is_named():
    """Only JPEG's decoder knows how they lie; read as if they were whole they give stripes."""
    content = saved(Image.fromarray(NOISE).convert("YCbCr"), tiffinfo={530: (2, 2)})
    assert "this kind of TIFF is not read (YCbCr, neither compressed nor whole)" in rejection(content)


@pytest.mark.parametrize("mode", ["RGBX", "LA"])
def test_a_band_that_a_tiff_does_not_call_transparency_is_none(mode):
    """ExtraSamples 0: a mask, a selection, infrared; what a person sees is the colours alone."""
    seen = Image.fromarray(NOISE).convert("L" if mode == "LA" else "RGB")
    image = Image.merge(mode, [*seen.split(), Image.new("L", seen.size, 40)])
    content = saved(image).replace(struct.pack("<HHIH", 338, 3, 1, 2), struct.pack("<HHIH", 338, 3, 1, 0))
    np.testing.assert_array_equal(decode(content, LIMITS), np.asarray(seen.convert("RGB")))


def test_a_run_tells_the_versions_of_what_reads_its_images():
    """Another version may give other pixels, and so other features."""
    assert {"simplejpeg", "pillow", "pyvips-binary", "pi-heif", "imagecodecs"} <= set(package_versions())
