"""Hundreds of damaged and hostile files through the decoder's process: every one gives an answer."""

import struct

import numpy as np
import psutil
import pytest

from spark_job.contract.run_options import ImageLimits
from spark_job.extractors.specification import ExtractorSpecification, Weights
from spark_job.images.isolation import Order
from spark_job.images.preparation import Prepared, prepared_images
from tests.spark.photographs import animation, encoded, jpeg_of_size, pixels, png_header_only, turned_jpeg

SEED = 20_240
MUTANTS_OF_EACH = 25
SPECIFICATION = ExtractorSpecification(
    "tiny", 8, 8, 12, "RGB", (127.5,) * 3, (127.5,) * 3, Weights("none", "", "")
)
LIMITS = ImageLimits(max_pixels=4_000_000, max_seconds=5)


def originals() -> list[bytes]:
    """One small file of each kind."""
    image = pixels(11, 40, 56)
    return [
        encoded(image, quality=80),
        encoded(image, progressive=True),
        turned_jpeg(),
        encoded(image, "PNG"),
        encoded(image, "GIF"),
        animation("GIF"),
        encoded(image, "WEBP"),
        encoded(image, "WEBP", lossless=True),
        encoded(image, "TIFF"),
        encoded(image, "TIFF", compression="tiff_lzw"),
        encoded(image, "TIFF", compression="jpeg"),
        encoded(image, "BMP"),
    ]


def flip_bits(content: bytes, random: np.random.Generator) -> bytes:
    """A few bits anywhere, more often near the start."""
    damaged = bytearray(content)
    reach = len(content) if random.random() < 0.5 else min(64, len(content))
    for position in random.integers(0, reach, random.integers(1, 12)):
        damaged[position] ^= 1 << int(random.integers(8))
    return bytes(damaged)


def cut(content: bytes, random: np.random.Generator) -> bytes:
    """Only the beginning."""
    return content[: int(random.integers(1, len(content)))]


def overwrite_sizes(content: bytes, random: np.random.Generator) -> bytes:
    """Extreme numbers where headers have their sizes."""
    damaged = bytearray(content)
    number = int(random.choice([0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]))
    at = int(random.integers(2, min(200, len(content) - 4)))
    damaged[at : at + 4] = struct.pack(str(random.choice(["<I", ">I"])), number)
    return bytes(damaged)


def splice(content: bytes, random: np.random.Generator) -> bytes:
    """The beginning, noise, and the end."""
    at, length = int(random.integers(2, len(content))), int(random.integers(1, 80))
    return content[:at] + random.bytes(length) + content[at + length :]


def mutants() -> list[bytes]:
    """The same ones every time."""
    random = np.random.default_rng(SEED)
    changes = (flip_bits, cut, overwrite_sizes, splice)
    made = [
        changes[number % len(changes)](content, random)
        for content in originals()
        for number in range(MUTANTS_OF_EACH)
    ]
    made += [random.bytes(int(size)) for size in random.integers(1, 3000, 20)]
    return [*made, png_header_only(2**31 - 1, 2**31 - 1), jpeg_of_size(65_535, 65_535)]


@pytest.fixture(scope="module")
def answers() -> list[tuple[np.ndarray, Prepared]]:
    """(a copy of the tensor, what became of it) of every mutant, in order."""
    found = []
    for _, prepared, tensor in prepared_images(enumerate(map(Order, mutants())), SPECIFICATION, LIMITS):
        found.append((tensor.copy(), prepared))
        tensor[:] = np.nan  # whatever is not written next time shows
    return found


def test_every_file_gets_one_answer(answers):
    """None is lost, none comes twice, and no exception ends the others."""
    assert len(answers) == len(mutants()) > 300


def test_a_usable_file_has_a_whole_tensor(answers):
    """Every value written, in -1..1."""
    usable = [(tensor, prepared) for tensor, prepared in answers if prepared.error is None]
    assert len(usable) > 20, "mutations that spoil everything test nothing"
    for tensor, prepared in usable:
        assert np.isfinite(tensor).all()
        assert np.abs(tensor).max() <= 1.0001
        assert 0 < prepared.seconds < LIMITS.max_seconds
        assert 0 < prepared.width * prepared.height <= LIMITS.max_pixels


def test_a_rejected_file_says_why_in_words(answers):
    """One printable line without Python's or a decoder's internals."""
    reasons = {prepared.error for _, prepared in answers if prepared.error is not None}
    assert len(reasons) > 5
    for reason in reasons:
        assert 5 < len(reason) < 300
        assert reason.isprintable(), repr(reason)
        for internal in ("Traceback", "\\x", "b'", "0x", "object at", "Error(", "NoneType"):
            assert internal not in reason, reason


def test_one_decoder_is_left_and_no_other_process(answers):
    """However often it crashed, it was replaced and not multiplied."""
    decoders = [
        process
        for process in psutil.Process().children()
        if process.status() != psutil.STATUS_ZOMBIE and "images.isolation" in " ".join(process.cmdline())
    ]
    assert len(decoders) == 1
