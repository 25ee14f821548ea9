"""What a file is, by its first bytes: a format that is read, or one that is not, with its name."""

from spark_job.errors import ImageRejectedError

READ = ("JPEG", "PNG", "GIF", "WebP", "TIFF", "BMP", "HEIC", "AVIF", "JPEG 2000", "JPEG XL")
SAVE = "save it as JPEG or PNG"
_READ = {
    b"\xff\xd8": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "TIFF"),
}
_UNREAD: dict[str, tuple[bytes, ...]] = {
    "a camera's raw file (Canon CR2)": (b"II*\0\x10\0\0\0CR",),
    "a camera's raw file (Panasonic RW2)": (b"IIU\0",),
    "a camera's raw file (Olympus ORF)": (b"IIRO", b"IIRS", b"MMOR"),
    "a camera's raw file (Fujifilm RAF)": (b"FUJIFILMCCD-RAW",),
    "a camera's raw file (Sigma X3F)": (b"FOVb",),
    "a Photoshop document": (b"8BPS",),
    "a GIMP document": (b"gimp xcf",),
    "a PDF document": (b"%PDF",),
    "a PostScript document": (b"%!PS", b"\xc5\xd0\xd3\xc6"),
    "an icon (ICO)": (b"\0\0\1\0",),
    "an icon (ICNS)": (b"icns",),
    "a JPEG XR file": (b"II\xbc\1",),
    "an OpenEXR file": (b"\x76\x2f\x31\x01",),
    "a Radiance HDR file": (b"#?RADIANCE", b"#?RGBE"),
    "a DirectDraw surface (DDS)": (b"DDS ",),
    "a QOI file": (b"qoif",),
    "a BPG file": (b"BPG\xfb",),
    "a FLIF file": (b"FLIF",),
    "an MNG animation": (b"\x8aMNG",),
    "a JNG file": (b"\x8bJNG",),
    "a FITS file": (b"SIMPLE  =",),
    "a video (Matroska or WebM)": (b"\x1aE\xdf\xa3",),
    "a video (MPEG)": (b"\0\0\1\xba", b"\0\0\1\xb3"),
    "a video (Flash)": (b"FLV\1",),
    "a Netpbm file": tuple(b"P%d" % kind + end for kind in range(1, 8) for end in (b"\n", b" ", b"\r\n")),
}
_OTHER_ADVICE: dict[str, tuple[bytes, ...]] = {  # the beginnings of texts in small letters
    "a web page: download the image itself": (b"<!doctype html", b"<html"),
    "a ZIP archive: unpack it": (b"pk\3\4",),
    "a gzip archive: unpack it": (b"\x1f\x8b",),
    "a 7z archive: unpack it": (b"7z\xbc\xaf\x27\x1c",),
    "a RAR archive: unpack it": (b"rar!",),
    "a pointer of Git LFS: fetch the file itself with `git lfs pull`": (b"version https://git-lfs",),
}
_UNKNOWN = f"not an image of a known format ({', '.join(READ)})"
_VIDEO_BRANDS = (b"isom", b"iso2", b"iso5", b"mp4", b"avc", b"qt", b"M4", b"3g", b"dash", b"MSNV", b"f4v")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1", b"mif2")


def recognise(data: bytes) -> str:
    """Return the format of a file, one of READ, by its content; ImageRejectedError: it is another."""
    _refuse_unread(data)
    for start, name in _READ.items():
        if data.startswith(start):
            return name
    if data[4:8] == b"ftyp":  # a file of boxes, as ISO 14496-12 has them
        length = int.from_bytes(data[:4], "big")
        brands = [data[8:12], *(data[at : at + 4] for at in range(16, min(length, 256, len(data)), 4))]
        if b"avif" in brands or b"avis" in brands:
            return "AVIF"
        if any(brand in _HEIF_BRANDS for brand in brands):
            return "HEIC"
        kind = "a camera's raw file (Canon CR3)" if brands[0] == b"crx " else "a video (MP4 or QuickTime)"
        known = brands[0].startswith((b"crx ", *_VIDEO_BRANDS))
        raise ImageRejectedError(f"{kind}, which is not read: {SAVE}" if known else _UNKNOWN)
    if data.startswith(b"RIFF"):
        if data[8:12] == b"WEBP":
            return "WebP"
        kind = "a video (AVI)" if data[8:12] == b"AVI " else "a RIFF file that holds no image"
        raise ImageRejectedError(f"{kind}, which is not read: {SAVE}")
    if b"PNG" in data[:8]:
        raise ImageRejectedError(
            "a PNG whose first bytes are damaged, as by a transfer of text: copy it again"
        )
    raise ImageRejectedError(_UNKNOWN)


def _refuse_unread(data: bytes) -> None:
    text = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    name = next((name for name, starts in _UNREAD.items() if data.startswith(starts)), None)
    if text.startswith((b"<?xml", b"<!--", b"<svg", b"<!DOCTYPE svg")) and b"<svg" in data[:4096]:
        name = "an SVG drawing"
    elif data[128:132] == b"DICM":
        name = "a DICOM file"
    if name is not None:
        raise ImageRejectedError(f"{name}, which is not read: {SAVE}")
    for words, starts in _OTHER_ADVICE.items():
        if text.lower().startswith(starts):
            raise ImageRejectedError(f"not an image but {words}")
