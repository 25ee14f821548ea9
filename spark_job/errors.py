"""What can go wrong, as errors whose message says what to do next."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from zipfile import BadZipFile

from spark_job.contract.errors import FruitError


class JobError(FruitError):
    """A run that cannot go on; the command line prints the message and exits with `exit_code`."""


class CostLimitError(JobError):
    """A run has been stopped because it has cost as much as it may."""


class StorageError(JobError):
    """A folder or bucket cannot be read or written."""


class LargerError(JobError):
    """A file holds more bytes than may be read of it."""


class ListingError(JobError):
    """The images cannot be listed, or there are none."""


class ExtractorError(JobError):
    """An extractor cannot be built, read or run."""


class ReductionError(JobError):
    """The features cannot be reduced as asked."""


class NoVarianceError(ReductionError):
    """All images have the same features, so there is nothing to reduce."""


class ImageRejectedError(Exception):
    """One image cannot be used; the message is what `rejected.csv` says. It never ends a run."""


class NotReadError(ImageRejectedError):
    """S3 does not give one image."""


@contextmanager
def read_as_written(uri: str) -> Iterator[None]:
    """Turn what this block cannot read into one line: somebody else may have written the folder."""
    try:
        yield
    except (LookupError, ValueError, TypeError, AttributeError, OSError, EOFError, BadZipFile) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise StorageError(
            f"{uri} is not as this version of the job writes it ({reason}): make it again, or name another"
        ) from error


def scratch_advice() -> str:
    """Say where scratch data goes, and how it goes elsewhere."""
    return f"scratch data goes to {tempfile.gettempdir()}: set TMPDIR to a folder with more space"
