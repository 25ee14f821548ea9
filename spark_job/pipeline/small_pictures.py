"""Small pictures of a few images, for reports; made in the decoder's process."""

from collections.abc import Iterable, Iterator
from functools import partial

from spark_job.contract.run_options import ImageLimits
from spark_job.images.isolation import Isolated
from spark_job.images.listing import ListedFile
from spark_job.images.reading import read_ahead, read_image
from spark_job.images.tensors import Content
from spark_job.images.thumbnails import make_thumbnails


def small_pictures(files: Iterable[ListedFile], limits: ImageLimits) -> Iterator[bytes | None]:
    """Yield a small JPEG of each image, in order; None where nothing can be shown."""
    isolated: Isolated[Content, bytes | None] = Isolated(
        partial(make_thumbnails, limits=limits), failed=lambda _, reason: None, max_seconds=limits.max_seconds
    )
    contents = read_ahead(iter(files), partial(read_image, limits=limits))
    return (thumbnail for _, thumbnail in isolated.map(content for _, content in contents))
