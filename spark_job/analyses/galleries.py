"""Photographs of analysed images for reports: each file is read again for its small picture."""

from collections.abc import Iterable, Sequence

from spark_job.contract.run_options import ImageLimits
from spark_job.images.listing import ListedFile
from spark_job.images.thumbnails import thumbnails
from spark_job.report.document import Gallery, Photograph

Shown = tuple[ListedFile, str, str]  # an image, its title, a note


def galleries(groups: Iterable[tuple[str, Sequence[Shown]]], limits: ImageLimits) -> list[Gallery]:
    """Return a gallery for each caption and its images; all files are read in one go."""
    listed = list(groups)
    pictures = thumbnails([image for _, shown in listed for image, _, _ in shown], limits)
    return [
        Gallery(caption, [Photograph(next(pictures), title, note) for _, title, note in shown])
        for caption, shown in listed
    ]
