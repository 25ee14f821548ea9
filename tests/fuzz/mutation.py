"""Damage to image files: of any bytes, and of their structure with lengths and checksums put right again."""

import re
import struct
import zlib
from collections.abc import Callable
from random import Random
from typing import Literal

from tests.fuzz.seeds import seeds, seeds_of_packages
from tests.spark.photographs import png_chunk

# Where mistakes of decoders live: nothing, one, powers of two and their neighbours, signs.
NUMBERS = (
    *(0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 64, 100, 127, 128, 255, 256, 257, 1000, 4096),
    *(0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x10000, 0xFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF),
)
FIRST_OF_PACKAGES = 1000  # from this number on every fifth mutant is made of a file that a package carries
SEGMENT = re.compile(rb"\xff[^\x00\xd0-\xd7]")  # among compressed data, restart markers are part of it
Piece = tuple[bytes, bytes]  # its name, and what it holds
Split = Callable[[bytes], list[Piece]]
Join = Callable[[list[Piece]], bytes]


def mutant(kind: str, number: int) -> bytes:
    """The damaged file of this number: the same bytes every time."""
    random = Random(f"{kind} {number}")
    carried = seeds_of_packages(kind) if number >= FIRST_OF_PACKAGES and number % 5 == 0 else ()
    whole = carried or seeds(kind)
    content = random.choice(whole)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        if random.random() < 0.4:
            content = change_structure(content, random)
        else:
            content = random.choice(CHANGES)(content, random, whole)
    return content


def place(content: bytes, random: Random) -> int:
    """Anywhere, but more often near the start, where the headers are."""
    reach = len(content) if random.random() < 0.6 else min(100, len(content))
    return random.randrange(reach) if reach else 0


def flip_bits(content: bytes, random: Random, _: object = ()) -> bytes:
    """A few bits."""
    damaged = bytearray(content)
    for _ in range(random.randint(1, 8) if content else 0):
        damaged[place(content, random)] ^= 1 << random.randrange(8)
    return bytes(damaged)


def write_number(content: bytes, random: Random, _: object = ()) -> bytes:
    """A number at an edge, of 1, 2 or 4 bytes in either order; or one beside what was there."""
    length = random.choice((1, 2, 4))
    order: Literal["big", "little"] = random.choice(("big", "little"))
    at = place(content, random)
    here = int.from_bytes(content[at : at + length], order)
    number = random.choice((*NUMBERS, here - 1, here + 1, here * 2)) % (1 << 8 * length)
    return content[:at] + number.to_bytes(length, order) + content[at + length :]


def delete(content: bytes, random: Random, _: object = ()) -> bytes:
    """Some bytes in the middle."""
    at = place(content, random)
    return content[:at] + content[at + span(content, random) :]


def repeat(content: bytes, random: Random, _: object = ()) -> bytes:
    """Some bytes once more."""
    at = place(content, random)
    end = at + span(content, random)
    return content[:end] + content[at:]


def insert_noise(content: bytes, random: Random, _: object = ()) -> bytes:
    """Bytes that do not belong there."""
    at = place(content, random)
    return content[:at] + random.randbytes(random.randint(1, 40)) + content[at:]


def blank(content: bytes, random: Random, _: object = ()) -> bytes:
    """Zeros or ones, as a disk or a transfer leaves them."""
    at = place(content, random)
    length = min(span(content, random), len(content) - at)
    return content[:at] + random.choice((b"\0", b"\xff")) * length + content[at + length :]


def truncate(content: bytes, random: Random, _: object = ()) -> bytes:
    """Only the beginning."""
    return content[: random.randint(1, max(1, len(content)))]


def splice(content: bytes, random: Random, others: tuple[bytes, ...]) -> bytes:
    """The beginning of one file and the end of another."""
    other = random.choice(others)
    return content[: random.randint(0, len(content))] + other[random.randint(0, len(other)) :]


def span(content: bytes, random: Random) -> int:
    """How many bytes a change takes: a few, or many."""
    return random.randint(1, 8) if random.random() < 0.5 else random.randint(1, max(1, len(content) // 2))


CHANGES = (flip_bits, write_number, write_number, delete, repeat, insert_noise, blank, truncate, splice)
CHANGES_OF_DATA = (
    flip_bits,
    write_number,
    write_number,
    write_number,
    delete,
    repeat,
    insert_noise,
    truncate,
)


def change_structure(content: bytes, random: Random) -> bytes:
    """Drop, repeat, move or change one piece of the file, its lengths and checksums right."""
    try:
        split, join = structure_of(content)
        pieces = split(content)
        at, other = random.randrange(len(pieces)), random.randrange(len(pieces))
        change = random.choice(("drop", "repeat", "swap", "edit", "edit", "edit", "edit"))
        if change == "drop":
            del pieces[at]
        elif change == "repeat":
            pieces.insert(other, pieces[at])
        elif change == "swap":
            pieces[at], pieces[other] = pieces[other], pieces[at]
        else:
            pieces[at] = edited(*pieces[at], random)
        return join(pieces)
    except (struct.error, zlib.error, ValueError, IndexError, OverflowError):  # no structure was left
        return write_number(content, random)


def edited(name: bytes, data: bytes, random: Random) -> Piece:
    """What a piece holds changed; pixels of PNGs before they are packed; boxes inside boxes."""
    if name == b"IDAT" and random.random() < 0.7:
        unpacker = zlib.decompressobj()
        return name, zlib.compress(random.choice(CHANGES_OF_DATA)(unpacker.decompress(data), random))
    if name in BOXES_OF_BOXES:
        skipped = BOXES_OF_BOXES[name]
        return name, data[:skipped] + change_inside(data[skipped:], random)
    if name == b"jp2c":
        return name, change_structure(data, random)
    if random.random() < 0.05:
        return write_number(name, random), data
    return name, random.choice(CHANGES_OF_DATA)(data, random)


def change_inside(data: bytes, random: Random) -> bytes:
    """Change one box of those that another one holds."""
    pieces = split_boxes(data)
    at = random.randrange(len(pieces))
    pieces[at] = edited(*pieces[at], random)
    return join_boxes(pieces)


def structure_of(content: bytes) -> tuple[Split, Join]:
    """How files that begin like this are taken to pieces and put together."""
    for begins, found in STRUCTURES.items():
        if content.startswith(begins):
            return found
    if content[4:8] in (b"ftyp", b"jP  ", b"JXL "):
        return split_boxes, join_boxes
    raise ValueError("no structure that is known")


def split_png(content: bytes) -> list[Piece]:
    """Its chunks."""
    pieces, at = [], 8
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        pieces.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += length + 12
    return pieces


def join_png(pieces: list[Piece]) -> bytes:
    """Chunks with lengths and checksums."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(name, data) for name, data in pieces)


def split_segments(content: bytes) -> list[Piece]:
    """A JPEG's or a JPEG 2000 codestream's segments; compressed data has no name."""
    pieces, at = [], 2
    while at < len(content):
        marker = content[at : at + 2]
        if marker[0] != 0xFF or marker in (b"\xff\xd9", b"\xff\x93"):
            return [*pieces, (b"", content[at:])]
        (length,) = struct.unpack_from(">H", content, at + 2)
        pieces.append((marker, content[at + 4 : at + 2 + length]))
        at += 2 + length
        if marker == b"\xff\xda":
            next_one = SEGMENT.search(content, at)
            end = next_one.start() if next_one else len(content)
            pieces.append((b"", content[at:end]))
            at = end
    return pieces


def join_jpeg(pieces: list[Piece]) -> bytes:
    """Segments with their lengths."""
    return b"\xff\xd8" + join_segments(pieces)


def join_codestream(pieces: list[Piece]) -> bytes:
    """The same for JPEG 2000."""
    return b"\xff\x4f" + join_segments(pieces)


def join_segments(pieces: list[Piece]) -> bytes:
    """Each with its length, compressed data without."""
    return b"".join(name + struct.pack(">H", len(data) + 2) + data if name else data for name, data in pieces)


def split_riff(content: bytes) -> list[Piece]:
    """A WebP's chunks."""
    pieces, at = [], 12
    while at + 8 <= len(content):
        (length,) = struct.unpack_from("<I", content, at + 4)
        pieces.append((content[at : at + 4], content[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return pieces


def join_riff(pieces: list[Piece]) -> bytes:
    """Chunks with lengths, padded to even ones."""
    chunks = (name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in pieces)
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


# Boxes of HEIC, AVIF and JPEG 2000 that hold boxes, and how many bytes stand before these.
BOXES_OF_BOXES = {
    b"meta": 4,
    b"iprp": 0,
    b"ipco": 0,
    b"iinf": 6,
    b"jp2h": 0,
    b"moov": 0,
    b"trak": 0,
    b"mdia": 0,
}


def split_boxes(content: bytes) -> list[Piece]:
    """The boxes of HEIC, AVIF and JPEG 2000."""
    pieces, at = [], 0
    while at + 8 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        if length == 1:
            raise ValueError("a length of 64 bits")
        length = length or len(content) - at
        pieces.append((content[at + 4 : at + 8], content[at + 8 : at + length]))
        at += max(8, length)
    return pieces


def join_boxes(pieces: list[Piece]) -> bytes:
    """Boxes with their lengths."""
    return b"".join(struct.pack(">I", len(data) + 8) + name + data for name, data in pieces)


def split_gif(content: bytes) -> list[Piece]:
    """Its header with palette, extensions, pictures with their data, the end; none has a length in front."""
    ends = [13 + palette_length(content[10])]
    while ends[-1] < len(content) and content[ends[-1]] in b"!,":
        at = ends[-1]
        at += 2 if content[at] == 0x21 else 11 + palette_length(content[at + 9])
        while content[at]:
            at += content[at] + 1
        ends.append(at + 1)
    return [(b"", content[start:end]) for start, end in zip([0, *ends], [*ends, len(content)], strict=True)]


def palette_length(flags: int) -> int:
    """Of a GIF's flags: the bytes of the palette that follows."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def split_tiff(content: bytes) -> list[Piece]:
    """What is before the entries of the first directory, each entry, and the rest."""
    order = "<" if content[:2] == b"II" else ">"
    if content[2:4] in (b"+\0", b"\0+"):
        (at,), each, counts = struct.unpack_from(order + "Q", content, 8), 20, "Q"
    else:
        (at,), each, counts = struct.unpack_from(order + "I", content, 4), 12, "H"
    (entries,) = struct.unpack_from(order + counts, content, at)
    first = at + struct.calcsize(order + counts)
    if entries > 100 or first + entries * each > len(content):
        raise ValueError("no directory")
    ends = [first + number * each for number in range(entries + 1)]
    return [(b"", content[start:end]) for start, end in zip([0, *ends], [*ends, len(content)], strict=True)]


def split_bmp(content: bytes) -> list[Piece]:
    """Its two headers, and the rest."""
    (length,) = struct.unpack_from("<I", content, 14)
    return [(b"", content[:14]), (b"", content[14 : 14 + length]), (b"", content[14 + length :])]


def split_bare(content: bytes) -> list[Piece]:
    """The signature of a bare JPEG XL, and the rest."""
    return [(b"", content[:2]), (b"", content[2:])]


def join_plain(pieces: list[Piece]) -> bytes:
    """One after another."""
    return b"".join(data for _, data in pieces)


STRUCTURES: dict[bytes, tuple[Split, Join]] = {
    b"\xff\xd8": (split_segments, join_jpeg),
    b"\xff\x4f": (split_segments, join_codestream),
    b"\x89PNG": (split_png, join_png),
    b"RIFF": (split_riff, join_riff),
    b"GIF8": (split_gif, join_plain),
    b"II": (split_tiff, join_plain),
    b"MM": (split_tiff, join_plain),
    b"BM": (split_bmp, join_plain),
    b"\xff\x0a": (split_bare, join_plain),
}
