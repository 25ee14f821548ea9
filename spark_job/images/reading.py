"""Images that are read: their bytes, with many reads in flight, in order; small pictures for reports."""

import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import numpy as np
from obstore.exceptions import BaseError

from spark_job.contract.erasure import ERASED, TOMBSTONES, Tombstones, erasures_folder
from spark_job.contract.manifest import read_json
from spark_job.contract.run_options import MEBIBYTE, ImageLimits
from spark_job.contract.uris import is_s3
from spark_job.errors import ImageRejectedError, LargerError, NotReadError, StorageError
from spark_job.images.isolation import Content, Isolated, Order
from spark_job.images.listing import ListedFile
from spark_job.images.preparation import THUMBNAIL, make_thumbnail
from spark_job.storage import Folder, first_line, passes_by_itself, read_bytes, reason_of_all, reason_of_one

READS_IN_FLIGHT = 32  # 32 reads hide 25 ms of latency up to 1,280 images a second for each core
# Six photographs of 5 MB, three of 10 MB: a core decodes them in longer than S3 takes to send them.
MAX_BYTES_IN_FLIGHT = 32 * MEBIBYTE
# A read that S3 answers with "slow down", or not at all, is tried again so long, with fewer beside it.
PATIENCE_SECONDS = 300.0
MOST_WAIT_SECONDS = 20.0
MANY_REFUSED = 100  # so many of a task, one after the other: what S3 says of them, it will say of all


ReadImage = Callable[..., Content]  # of a ListedFile; LargerError: it holds more bytes than `most`


def forgotten(results: str) -> Tombstones:
    """Return the photographs that runs of this results folder pass over."""
    content = Folder(erasures_folder(results)).read(TOMBSTONES)
    return Tombstones.from_json(None if content is None else read_json(content))


def read_image(
    image: ListedFile, limits: ImageLimits, most: int | None = None, erased: Tombstones | None = None
) -> Content:
    """Return the bytes of an image, or why it cannot be used.

    LargerError: it has grown beyond `most`; StorageError: a person must act; BaseError: S3 does not answer.
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
        content = read_bytes(image.path, limits.max_bytes if most is None else most, retries=2)
        was_erased = erased and erased.contents and erased.has_digest(erased.digest(content))
        return ImageRejectedError(ERASED) if was_erased else content
    except LargerError:
        if most is not None:
            raise
        return ImageRejectedError(
            f"the file has grown since it was listed to more than --max-bytes {limits.max_bytes:,} bytes"
        )
    except FileNotFoundError:
        return ImageRejectedError("the file disappeared between listing and reading")
    except PermissionError:
        return ImageRejectedError("the file cannot be read: permission denied")
    except (BaseError, OSError, ValueError) as error:
        return _unreadable(image, error)


def _unreadable(image: ListedFile, error: Exception) -> ImageRejectedError:
    """Return why one image cannot be read; raise what concerns all of them."""
    if is_s3(image.path) and not isinstance(error, ValueError):
        if reason := reason_of_one(error):
            return NotReadError(reason)
        if reason := reason_of_all(error, image.path):
            raise StorageError(reason) from error
        raise error
    return ImageRejectedError(
        f"the file cannot be read: {getattr(error, 'strerror', None) or first_line(error)}"
    )


class Pace:
    """How many reads are in flight: half after S3 was busy, then slowly more, as in TCP (RFC 5681)."""

    def __init__(self, read: ReadImage, sleep: Callable[[float], None] = time.sleep) -> None:
        self.at_once = float(READS_IN_FLIGHT)
        self._read, self._sleep, self._slowed = read, sleep, 0.0

    def __call__(self, image: ListedFile, /, *, most: int | None = None) -> Content:
        """Read an image; BaseError: S3 did not answer for `PATIENCE_SECONDS`, and Spark may try again."""
        started, wait = time.monotonic(), 0.5
        while True:
            begun = time.monotonic()
            try:
                content = self._read(image, most=most)
            except BaseError as error:
                if not passes_by_itself(error) or begun - started > PATIENCE_SECONDS:
                    raise
                if begun > self._slowed:  # what began before the reads were halved says nothing new
                    self.at_once, self._slowed = max(1.0, self.at_once / 2), time.monotonic()
                self._sleep(random.uniform(wait / 2, wait))  # noqa: S311 - spreads them
                wait = min(2 * wait, MOST_WAIT_SECONDS)
            else:
                self.at_once = min(READS_IN_FLIGHT, self.at_once + 1 / self.at_once)
                return content


def read_ahead(files: Iterator[ListedFile], read: ReadImage) -> Iterator[tuple[ListedFile, Content]]:
    """Yield each image with its content, in order; the next ones are read meanwhile, as `Pace` allows.

    They take MAX_BYTES_IN_FLIGHT at most, or are one of more; one that has grown is read when it is its turn.
    """
    waiting: deque[tuple[ListedFile, Future[Content]]] = deque()
    bytes_in_flight, pace = 0, Pace(read)

    def first() -> tuple[ListedFile, Content]:
        nonlocal bytes_in_flight
        image, future = waiting.popleft()
        bytes_in_flight -= image.size
        try:
            return image, future.result()
        except LargerError:
            return image, pace(image)

    with ThreadPoolExecutor(READS_IN_FLIGHT) as pool:
        try:
            for image in files:
                while waiting and (
                    len(waiting) >= pace.at_once or bytes_in_flight + image.size > MAX_BYTES_IN_FLIGHT
                ):
                    yield first()
                waiting.append((image, pool.submit(pace, image, most=image.size)))
                bytes_in_flight += image.size
            while waiting:
                yield first()
        finally:
            for _, future in waiting:
                future.cancel()


def unless_all_are_refused(
    contents: Iterable[tuple[ListedFile, Content]],
) -> Iterator[tuple[ListedFile, Content]]:
    """Yield what is given; StorageError: S3 gives none of the first `MANY_REFUSED` images."""
    refused = 0
    for number, (image, content) in enumerate(contents):
        if refused == number and isinstance(content, NotReadError):
            refused += 1
            if refused == MANY_REFUSED:
                raise StorageError(f"S3 gives none of the first {MANY_REFUSED} images of a task: {content}")
        yield image, content


def thumbnails(files: Iterable[ListedFile], limits: ImageLimits) -> Iterator[bytes | None]:
    """Yield a small JPEG of each image, in order; None where nothing can be shown."""
    layout = np.dtype([("thumbnail", THUMBNAIL)])
    isolated = Isolated(partial(make_thumbnail, limits=limits), layout, limits.max_seconds)
    contents = read_ahead(iter(files), partial(read_image, limits=limits))
    for _, outcome in isolated.map((image, Order(content)) for image, content in contents):
        yield None if isinstance(outcome, ImageRejectedError) else outcome["thumbnail"]
