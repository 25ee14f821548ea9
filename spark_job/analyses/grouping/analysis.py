"""The analysis `group` and its report: a map of the images, the clusters and their members."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

import numpy as np
from sklearn.manifold import TSNE

from spark_job.analyses import runs
from spark_job.analyses.grouping import kmeans
from spark_job.arrow_tables import part_uris, read_part, write_csv
from spark_job.contract import run_layout as layout
from spark_job.contract.errors import MisuseError
from spark_job.contract.run_options import ImageLimits
from spark_job.images.listing import ListedFile
from spark_job.report.charts import Axis, Line, line_chart, plain_axes, png_bytes
from spark_job.report.document import Block, Cell, Chart, Document, Number, Photograph, Section, Table
from spark_job.report.palette import COLOURS, LINE_COLOURS, SYMBOLS
from spark_job.report.words import class_name, count, percent

MAX_FITTED = 20_000  # centres of so many images are those of all, as far as a picture of the groups goes
CSV_COLUMNS = ("path", "label", "cluster", "distance")
MAX_NAMED = 40
MAX_MAPPED = 2_000  # 10 s on two cores; more points than this do not fit into a chart either
PERPLEXITY = 30
MIN_EMBEDDED = 5  # with fewer t-SNE has no neighbourhoods to keep
FOLDERS_NAMED = 3


def group(
    features: str,
    results: str,
    spark: runs.OpenSpark,
    say: runs.Say,
    *,
    k: int | None = None,
    k_range: tuple[int, int] = (2, 60),
    seed: int = 0,
    run_id: str | None = None,
    label: str | None = None,
) -> runs.Summary:
    """Group the images of a run in k clusters; without k the silhouette chooses within `k_range`."""
    source = runs.SourceRun.open(features, label=label)
    table = runs.VectorTable.components(source)
    chosen_by = {"k": k} if k else {"k_range": list(k_range)}
    parameters = {"features": features, "label": label, **chosen_by, "seed": seed}
    run = runs.AnalysisRun("group", results, [source], parameters, run_id)
    say(f"run {run.run_id}")
    images, drawn = table.draw_images(MAX_FITTED, seed)
    rows = runs.directions(drawn)
    say(f"k-means on {len(images):,} images …")
    trials = kmeans.try_each(rows, _candidates(k, k_range, len(np.unique(rows, axis=0))), seed)
    chosen = kmeans.best(trials)
    centres = kmeans.find_centres(rows, chosen.k, seed)
    say(f"{chosen.k} clusters; every image to its centre …")
    destination = run.folder.at(layout.CLUSTERS)
    assigned = kmeans.assign(spark(), table, centres, destination)
    say("map …")
    some = np.sort(np.random.default_rng(seed).permutation(len(images))[:MAX_MAPPED])
    mapped = map_section([images[place] for place in some], rows[some], centres, seed, source.limits)
    grouping = Grouping(trials, chosen, assigned, kmeans.agreement(assigned.counts), len(images))
    batches = chain.from_iterable(read_part(uri, CSV_COLUMNS) for uri in part_uris(destination))
    write_csv(run.folder, layout.CLUSTERS_CSV, CSV_COLUMNS, batches)
    text = io.StringIO()
    columns = (f"component_{one}" for one in range(1, centres.shape[1] + 1))
    rows_of_centres = ([number, *centre] for number, centre in enumerate(centres.tolist(), 1))
    csv.writer(text, lineterminator="\n").writerows([["cluster", *columns], *rows_of_centres])
    files = {layout.CENTRES_CSV: text.getvalue().encode()}
    document = group_document(grouping, source, mapped)
    return run.finish(grouping.metrics(), document, grouping.findings(), files).and_then(
        f"look at the cluster of each image: {run.folder.child(layout.CLUSTERS_CSV)}"
    )


def _candidates(k: int | None, k_range: tuple[int, int], distinct: int) -> list[int]:
    """Return the numbers of clusters to try: fewer than different directions, as the silhouette needs."""
    fewest, most = (k, k) if k else k_range
    if fewest >= distinct:
        name = f"--k {k}" if k else f"--k-range {fewest}:{most}"
        possible = f"at most {distinct - 1:,} clusters are" if distinct > 2 else "no clusters are"
        raise MisuseError(
            f"{name}: {possible} possible, fewer than there are different images: ask for fewer, or name "
            "a run with more images or components"
        )
    return kmeans.numbers_to_try(fewest, min(most, distinct - 1))


def plane_positions(rows: np.ndarray, seed: int) -> np.ndarray:
    """Place (n, d) rows by t-SNE (van der Maaten, Hinton 2008), (n, 2); fewer than 5 by first components."""
    if len(rows) < MIN_EMBEDDED:
        return np.pad(rows[:, :2], ((0, 0), (0, max(0, 2 - rows.shape[1]))))
    start = "pca" if min(rows.shape) >= 2 else "random"
    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    return np.asarray(TSNE(perplexity=perplexity, init=start, random_state=seed).fit_transform(rows))


def map_chart(positions: np.ndarray, clusters: np.ndarray, photographs: Sequence[Photograph]) -> Chart:
    """Draw n images in the plane, at (n, 2) positions, coloured by (n,) clusters, which count from 1."""
    data = []
    for cluster in np.unique(clusters).tolist():
        colour, places = LINE_COLOURS[cluster % len(LINE_COLOURS)], np.flatnonzero(clusters == cluster)
        x, y = positions[places].round(2).T.tolist()
        points = {"type": "scatter", "mode": "markers", "name": f"cluster {cluster}", "x": x, "y": y}
        marker = {"color": colour, "symbol": SYMBOLS[cluster % len(SYMBOLS)].name, "size": 7}
        data.append({**points, "customdata": places.tolist(), "hoverinfo": "none", "marker": marker})
    axis = {"showticklabels": False, "zeroline": False}
    looks = {
        "height": 720,
        "xaxis": axis,
        "yaxis": {**axis, "scaleanchor": "x"},
        "hovermode": "closest",
        "showlegend": len(data) <= MAX_NAMED,
    }
    caption = "Map of the images; nearby ones look alike to the network, colours are clusters"
    return Chart(caption, data, looks, photographs, lambda: _map_png(positions, clusters), "map")


def _map_png(positions: np.ndarray, clusters: np.ndarray) -> bytes:
    figure, axes = plain_axes(8, 8)
    for cluster in np.unique(clusters).tolist():
        colour, chosen = LINE_COLOURS[cluster % len(LINE_COLOURS)], positions[clusters == cluster]
        axes.scatter(chosen[:, 0], chosen[:, 1], s=10, color=colour, linewidths=0, alpha=0.85)
        x, y = np.median(chosen, axis=0)
        axes.annotate(str(cluster), (x, y), fontsize=9, fontweight="bold", ha="center", va="center")
    axes.set_aspect("equal", adjustable="datalim")
    axes.set(xticks=[], yticks=[])
    return png_bytes(figure)


@dataclass(frozen=True)
class Grouping:
    """What `group` found; `fitted` says on how many images K-means was fitted."""

    trials: Sequence[kmeans.Trial]
    chosen: kmeans.Trial
    assigned: kmeans.Assigned
    agreement: Mapping[str, float] | None
    fitted: int

    @property
    def sizes(self) -> list[int]:
        sizes = [0] * self.chosen.k
        for (cluster, _), images in self.assigned.counts.items():
            sizes[cluster - 1] += images
        return sizes

    def metrics(self) -> dict[str, Any]:
        return {
            "images": {"grouped": self.assigned.counts.total(), "fitted": self.fitted},
            "clusters": {
                "k": self.chosen.k,
                "silhouette": self.chosen.silhouette,
                "inertia": self.assigned.squares,
                "sizes": self.sizes,
                "tried": [asdict(trial) for trial in self.trials],
            },
            "agreement": self.agreement,
        }

    def findings(self) -> runs.Lines:
        """Return the lines that a grouping ends with: clusters, silhouette, agreement with the folders."""
        lines = [
            ("clusters", f"{self.chosen.k} of {min(self.sizes):,} to {max(self.sizes):,} images"),
            ("silhouette", f"{self.chosen.silhouette:.3f} (1: far apart, 0: on the border)"),
        ]
        if self.agreement:
            same = "adjusted Rand {adjusted_rand:.3f}, homogeneity {homogeneity:.3f}"
            lines.append(("folders", f"{same.format_map(self.agreement)} (1: the same, 0: by chance)"))
        return lines


def group_document(grouping: Grouping, source: runs.SourceRun, mapped: Section) -> Document:
    """Return the report; it reads the photographs again for their small pictures."""
    total = grouping.assigned.counts.total()
    tiles = {
        "Images": count(total),
        "Clusters": str(grouping.chosen.k),
        "Silhouette": f"{grouping.chosen.silhouette:.3f}",
    }
    if grouping.agreement:
        titles = ("Adjusted Rand", "Mutual information", "Homogeneity")
        for title, key in zip(titles, kmeans.AGREEMENTS, strict=True):
            tiles[title] = f"{grouping.agreement[key]:.3f}"
    notes = []
    if grouping.fitted < total:
        notes.append(
            f"The centres come from {count(grouping.fitted)} images, drawn evenly; then all were assigned."
        )
    most = max(trial.k for trial in grouping.trials)
    if len(grouping.trials) > 1 and grouping.chosen.k == most:
        notes.append(
            f"The silhouette still rises at {most} clusters, the most that were tried: there may be more."
        )
    members = []
    for cluster, nearest in sorted(grouping.assigned.nearest.items()):
        shown = [(one, one.short_name, f"{class_name(one.label)}, {away:.2f}") for (away, _), one in nearest]
        members.append((f"Cluster {cluster}: nearest to its centre, with the distance", shown))
    return Document(
        title="Groups",
        subtitle=f"{count(total)} images of {source.run_id} in {grouping.chosen.k} clusters, by looks alone",
        tiles=tiles,
        sections=[
            mapped,
            Section("Clusters", [_clusters(grouping, total)]),
            Section("Typical members", runs.galleries(members, source.limits)),
            Section("How many clusters", _choice(grouping)),
        ],
        notes=notes,
    )


def map_section(
    images: Sequence[ListedFile], rows: np.ndarray, centres: np.ndarray, seed: int, limits: ImageLimits
) -> Section:
    """Return the map of some images: (n, d) float32 directions of components, (k, d) float64 centres."""
    clusters, _ = kmeans.nearest_centres(rows.astype(np.float64), centres)
    named = zip(images, clusters, strict=True)
    shown = [(one, one.short_name, f"cluster {number}, {class_name(one.label)}") for one, number in named]
    photographs = runs.galleries([("", shown)], limits)[0].photographs
    text = (
        f"{count(len(photographs))} images, placed by t-SNE so that neighbours stay neighbours; distances "
        "between far groups mean nothing. Point at one to see it."
    )
    return Section("Map", [text, map_chart(plane_positions(rows, seed), clusters, photographs)])


def _clusters(grouping: Grouping, total: int) -> Table:
    rows: list[list[Cell]] = []
    for cluster, size in enumerate(grouping.sizes, 1):
        counts = grouping.assigned.counts.items()
        folders = sorted((-images, label) for (one, label), images in counts if one == cluster)
        named = [f"{class_name(label)} {percent(-less / size, 0)}" for less, label in folders[:FOLDERS_NAMED]]
        more = f" and {len(folders) - len(named)} more" if len(folders) > len(named) else ""
        rows.append([cluster, size, Number(percent(size / total)), ", ".join(named) + more])
    return Table("Clusters, the largest first", ["Cluster", "Images", "Share", "Folders in it"], rows)


def _choice(grouping: Grouping) -> list[Block]:
    """Say why there are so many clusters: the silhouette by their number; the chosen one is marked."""
    trials, chosen = grouping.trials, grouping.chosen
    if len(trials) == 1:
        return [f"--k asked for {chosen.k}; no other number was tried."]
    text = (
        "The silhouette compares the distance of an image to its own cluster with that to the next one: 1 is "
        f"far apart, 0 is on the border. It is largest with {chosen.k} clusters."
    )
    lines = [
        Line("silhouette", [trial.k for trial in trials], [trial.silhouette for trial in trials]),
        Line("chosen", [chosen.k], [chosen.silhouette], COLOURS[1], style="none", marker=14, open=True),
    ]
    caption = "Mean silhouette by the number of clusters; the circle marks the chosen one"
    x, y = Axis("Clusters", from_zero=False), Axis("Silhouette", ".3f", from_zero=False)
    return [text, line_chart(caption, "silhouette", lines, x, y, legend=False)]
