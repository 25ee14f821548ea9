"""What `predict` is given: a folder of images, or one image."""

from collections.abc import Iterator
from pathlib import Path

import obstore
from obstore.exceptions import BaseError

from spark_job.contract.uris import is_s3, normalise, split_uri
from spark_job.images.listing import ListedFile, list_files
from spark_job.storage import open_store


def list_images(uri: str, all_files: bool) -> Iterator[ListedFile]:
    """Return the files of a folder, or the one file that is named.

    Args:
        uri: a local path or s3://BUCKET/PREFIX or s3://BUCKET/KEY.
        all_files: try every file of a folder, whatever its name.

    Raises:
        ListingError: there is neither.
    """
    source = normalise(uri)
    one = _single(source)
    return iter([one]) if one else list_files(source, all_files)


def _single(uri: str) -> ListedFile | None:
    if not is_s3(uri):
        path = Path(uri)
        return ListedFile(uri, "", "", path.stat().st_size, "") if path.is_file() else None
    root, key = split_uri(uri)
    try:
        properties = obstore.head(open_store(root), key) if key else None
    except (BaseError, OSError):  # a folder, or what the listing will explain
        return None
    return (
        ListedFile(uri, "", "", int(properties["size"]), str(properties["e_tag"] or ""))
        if properties
        else None
    )
