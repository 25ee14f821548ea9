"""The analysis `group` from start to end."""

import csv
import io
from collections.abc import Callable
from itertools import chain

import numpy as np
from pyspark import SparkContext

from spark_job.analyses.analysis_run import AnalysisRun, Summary
from spark_job.analyses.grouping.assignment import assign
from spark_job.analyses.grouping.kmeans import agreement, best, find_centres, numbers_to_try, try_each
from spark_job.analyses.grouping.report import MAX_MAPPED, Grouping, group_document, map_section
from spark_job.analyses.source_run import SourceRun, VectorTable, directions
from spark_job.contract import run_layout as layout
from spark_job.contract.errors import MisuseError
from spark_job.parquet_parts import part_uris, read_part, write_csv

# Centres of so many images are those of all, as far as a picture of the groups goes.
MAX_FITTED = 20_000
CSV_COLUMNS = ("path", "label", "cluster", "distance")


def group(
    features: str,
    results: str,
    spark: Callable[[], SparkContext],
    say: Callable[[str], None],
    *,
    k: int | None = None,
    k_range: tuple[int, int] = (2, 60),
    seed: int = 0,
    run_id: str | None = None,
    label: str | None = None,
) -> Summary:
    """Group the images of a run.

    K-means is fitted in the driver on at most 20,000 images, drawn evenly; all images are then assigned to
    the centres in Spark tasks.

    Args:
        k: how many clusters; None: the silhouette chooses within `k_range`.

    Raises:
        MisuseError: no such run, or no more different images than clusters.
    """
    source = SourceRun.open(features, label=label)
    table = VectorTable.components(source)
    chosen_by = {"k": k} if k else {"k_range": list(k_range)}
    parameters = {"features": features, "label": label, **chosen_by, "seed": seed}
    run = AnalysisRun("group", results, [source], parameters, run_id)
    say(f"run {run.run_id}")
    images, drawn = table.draw_images(MAX_FITTED, seed)
    rows = directions(drawn)
    say(f"k-means on {len(images):,} images …")
    trials = try_each(rows, _candidates(k, k_range, len(np.unique(rows, axis=0))), seed)
    chosen = best(trials)
    centres = find_centres(rows, chosen.k, seed)
    say(f"{chosen.k} clusters; every image to its centre …")
    destination = run.folder.at(layout.CLUSTERS)
    assigned = assign(spark(), table, centres, destination)
    say("map …")
    some = np.sort(np.random.default_rng(seed).permutation(len(images))[:MAX_MAPPED])
    mapped = map_section([images[place] for place in some], rows[some], centres, seed, source.limits)
    grouping = Grouping(trials, chosen, assigned, agreement(assigned.counts), len(images))
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
    return numbers_to_try(fewest, min(most, distinct - 1))
