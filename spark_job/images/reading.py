"""Bytes of images, with many reads in flight, in the order they were asked for."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from obstore.exceptions import BaseError

from spark_job.contract.run_options import MEBIBYTE, ImageLimits
from spark_job.contract.uris import is_s3
from spark_job.errors import ImageRejectedError
from spark_job.images.listing import ListedFile
from spark_job.images.preparation import Content
from spark_job.storage import first_line, read_bytes

# 32 reads hide 25 ms of latency up to 1,280 images a second for each core.
READS_IN_FLIGHT = 32
MAX_BYTES_IN_FLIGHT = 128 * MEBIBYTE

ReadImage = Callable[[ListedFile], Content]


def read_image(image: ListedFile, limits: ImageLimits) -> Content:
    """Return the bytes of an image, or why there are none.

    Raises:
        obstore's BaseError: S3 does not answer, after obstore's own retries; Spark tries the task again.
    """
    if image.error is not None:
        return ImageRejectedError(image.error)
    if image.size == 0:
        return ImageRejectedError("the file is empty")
    if image.size > limits.max_bytes:
        return ImageRejectedError(
            f"the file has {image.size:,} bytes, more than --max-bytes {limits.max_bytes:,}"
        )
    try:
        return read_bytes(image.path)
    except FileNotFoundError:
        return ImageRejectedError("the file disappeared between listing and reading")
    except PermissionError:
        return ImageRejectedError("the file cannot be read: permission denied")
    except (BaseError, OSError, ValueError) as error:
        if is_s3(image.path) and not isinstance(error, ValueError):
            raise
        reason = getattr(error, "strerror", None) or first_line(error)
        return ImageRejectedError(f"the file cannot be read: {reason}")


def read_ahead(files: Iterator[ListedFile], read: ReadImage) -> Iterator[tuple[ListedFile, Content]]:
    """Yield each image with its content, in order; the next ones are being read meanwhile.

    At most `READS_IN_FLIGHT` images and about `MAX_BYTES_IN_FLIGHT` wait in memory.
    """
    waiting: deque[tuple[ListedFile, Future[Content]]] = deque()
    bytes_in_flight = 0
    with ThreadPoolExecutor(READS_IN_FLIGHT) as pool:
        try:
            for image in files:
                while waiting and (
                    len(waiting) >= READS_IN_FLIGHT or bytes_in_flight + image.size > MAX_BYTES_IN_FLIGHT
                ):
                    done, future = waiting.popleft()
                    bytes_in_flight -= done.size
                    yield done, future.result()
                waiting.append((image, pool.submit(read, image)))
                bytes_in_flight += image.size
            while waiting:
                done, future = waiting.popleft()
                yield done, future.result()
        finally:
            for _, future in waiting:
                future.cancel()
