"""A JPEG file to upright RGB pixels."""

import simplejpeg

from spark_job.contract.run_options import ImageLimits
from spark_job.images.picture import Picture, check_size


def decode_jpeg(data: bytes, limits: ImageLimits, needed: tuple[int, int] | None = None) -> Picture | None:
    """Decode the usual JPEG, with Pillow's pixels at half its time.

    Args:
        needed: (height, width) of the network's input; None: decode at full size.

    Returns:
        The picture, or None for a JPEG that libjpeg-turbo does not take.

    Raises:
        ImageRejectedError: damaged, truncated, or larger than the limits.
    """
    # An Exif block may turn the image; `b"Exif"` stands near the start, behind at most a JFIF block.
    if b"Exif" in data[:4096]:
        return None
    try:
        height, width, color_space, _ = simplejpeg.decode_jpeg_header(data)
        check_size(width, height, limits)
        if color_space not in ("YCbCr", "Gray"):
            return None
        pixels = simplejpeg.decode_jpeg(data, colorspace="RGB", fastdct=False, fastupsample=False)
    except ValueError:
        return None
    return Picture(pixels, color_space == "Gray", width, height)
