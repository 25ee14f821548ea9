"""One image file to upright RGB pixels, whatever its format; its content says which, never its name."""

from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError
from spark_job.images.jpeg import decode_jpeg
from spark_job.images.other_formats import decode_other
from spark_job.images.picture import Needed, Picture

JPEG = b"\xff\xd8"


def decode_picture(data: bytes, limits: ImageLimits, needed: Needed = None) -> Picture:
    """Return an image's first frame, upright by its EXIF orientation, transparency on white.

    Args:
        limits: `max_pixels` is checked on the header.
        needed: (height, width) of the network's input, in pixels; the picture may be decoded at a smaller
            scale that is still enough for it. None: decode at full size.

    Raises:
        ImageRejectedError: not an image, damaged, or larger than the limits.
    """
    if not data:
        raise ImageRejectedError("the file is empty")
    try:
        picture = decode_jpeg(data, limits, needed) if data.startswith(JPEG) else None
        return picture or decode_other(data, limits, needed)
    except MemoryError:
        raise ImageRejectedError("decoding needs more memory than the limits allow") from None
