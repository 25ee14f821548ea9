"""The report of a grouping."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spark_job.analyses.component_table import name_of
from spark_job.analyses.grouping.assignment import Assigned, nearest_centres
from spark_job.analyses.grouping.charts import map_chart, silhouette_chart
from spark_job.analyses.grouping.kmeans import Agreement, Trial
from spark_job.analyses.source_run import SourceRun
from spark_job.analyses.summary import Lines
from spark_job.contract.run_options import ImageLimits
from spark_job.images.listing import ListedFile
from spark_job.images.thumbnails import thumbnails
from spark_job.report.document import Document, Gallery, Photograph, Section, Table
from spark_job.report.palette import class_name
from spark_job.report.quantities import count, percent

FOLDERS_NAMED = 3


@dataclass(frozen=True)
class Map:
    """Images in the plane.

    Attributes:
        rows: (n, d) float32, the directions of their components.
        positions: (n, 2).
    """

    images: Sequence[ListedFile]
    rows: np.ndarray
    positions: np.ndarray


@dataclass(frozen=True)
class Grouping:
    """What `group` grouping.

    Attributes:
        centres: (k, d) float64.
        fitted: on how many images K-means was fitted.
    """

    trials: Sequence[Trial]
    chosen: Trial
    centres: np.ndarray
    assigned: Assigned
    agreement: Agreement | None
    map: Map
    fitted: int

    @property
    def sizes(self) -> list[int]:
        """The number of images of each cluster."""
        sizes = [0] * self.chosen.k
        for (cluster, _), images in self.assigned.counts.items():
            sizes[cluster - 1] += images
        return sizes

    def findings(self) -> Lines:
        """Return the lines that a grouping ends with: clusters, silhouette, agreement with the folders."""
        smallest, largest = min(self.sizes), max(self.sizes)
        lines = [
            ("clusters", f"{self.chosen.k} of {smallest:,} to {largest:,} images"),
            ("silhouette", f"{self.chosen.silhouette:.3f} (1: far apart, 0: on the border)"),
        ]
        if not self.agreement:
            return lines
        rand, pure = self.agreement.adjusted_rand, self.agreement.homogeneity
        return [
            *lines,
            ("folders", f"adjusted Rand {rand:.3f}, homogeneity {pure:.3f} (1: the same, 0: by chance)"),
        ]


def group_document(grouping: Grouping, source: SourceRun) -> Document:
    """Return the report; it reads the photographs again for their small pictures."""
    limits = source.limits
    total = grouping.assigned.counts.total()
    return Document(
        title="Groups",
        subtitle=f"{count(total)} images of {source.run_id} in {grouping.chosen.k} clusters, by looks alone",
        tiles=_tiles(grouping, total),
        sections=[
            _map_section(grouping, limits),
            _clusters_section(grouping, total),
            _members_section(grouping, limits),
            _choice_section(grouping),
        ],
        notes=_notes(grouping, total),
    )


def _tiles(grouping: Grouping, total: int) -> dict[str, str]:
    tiles = {
        "Images": count(total),
        "Clusters": str(grouping.chosen.k),
        "Silhouette": f"{grouping.chosen.silhouette:.3f}",
    }
    if grouping.agreement:
        tiles["Adjusted Rand"] = f"{grouping.agreement.adjusted_rand:.3f}"
        tiles["Mutual information"] = f"{grouping.agreement.normalized_mutual_information:.3f}"
        tiles["Homogeneity"] = f"{grouping.agreement.homogeneity:.3f}"
    return tiles


def _notes(grouping: Grouping, total: int) -> list[str]:
    notes = []
    if grouping.fitted < total:
        notes.append(
            f"The centres come from {count(grouping.fitted)} images, drawn evenly; then all were assigned."
        )
    ks = [trial.k for trial in grouping.trials]
    if len(ks) > 1 and grouping.chosen.k == max(ks):
        notes.append(
            f"The silhouette still rises at {max(ks)} clusters, the most that were tried: there may be more."
        )
    return notes


def _map_section(grouping: Grouping, limits: ImageLimits) -> Section:
    clusters, _ = nearest_centres(grouping.map.rows.astype(np.float64), grouping.centres)
    pictures = thumbnails(grouping.map.images, limits)
    photographs = [
        Photograph(picture, name_of(image), f"cluster {cluster}, {class_name(image.label)}")
        for image, cluster, picture in zip(grouping.map.images, clusters, pictures, strict=True)
    ]
    text = (
        f"{count(len(photographs))} images, placed by t-SNE so that neighbours stay neighbours; distances "
        "between far groups mean nothing. Point at one to see it."
    )
    return Section("Map", [text, map_chart(grouping.map.positions, clusters, photographs)])


def _clusters_section(grouping: Grouping, total: int) -> Section:
    rows: list[list[str | int | float]] = []
    for cluster, size in enumerate(grouping.sizes, 1):
        folders = sorted(
            ((images, label) for (one, label), images in grouping.assigned.counts.items() if one == cluster),
            key=lambda pair: (-pair[0], pair[1]),
        )
        named = [
            f"{class_name(label)} {percent(images / size, 0)}" for images, label in folders[:FOLDERS_NAMED]
        ]
        more = len(folders) - len(named)
        rows.append(
            [cluster, size, percent(size / total), ", ".join(named) + (f" and {more} more" if more else "")]
        )
    table = Table("Clusters, the largest first", ["Cluster", "Images", "Share", "Folders in it"], rows)
    return Section("Clusters", [table])


def _members_section(grouping: Grouping, limits: ImageLimits) -> Section:
    members = [
        (cluster, *member) for cluster, few in sorted(grouping.assigned.nearest.items()) for member in few
    ]
    pictures = list(thumbnails([image for _, _, image in members], limits))
    galleries = []
    for number in sorted(grouping.assigned.nearest):
        photographs = [
            Photograph(picture, name_of(image), f"{class_name(image.label)}, {distance:.2f}")
            for (cluster, distance, image), picture in zip(members, pictures, strict=True)
            if cluster == number
        ]
        galleries.append(Gallery(f"Cluster {number}: nearest to its centre, with the distance", photographs))
    return Section("Typical members", galleries)


def _choice_section(grouping: Grouping) -> Section:
    if len(grouping.trials) == 1:
        return Section(
            "How many clusters", [f"--k asked for {grouping.chosen.k}; no other number was tried."]
        )
    text = (
        "The silhouette compares the distance of an image to its own cluster with that to the next one: 1 is "
        f"far apart, 0 is on the border. It is largest with {grouping.chosen.k} clusters."
    )
    return Section("How many clusters", [text, silhouette_chart(grouping.trials, grouping.chosen)])
