"""The files of a report, made from its contents."""

from spark_job.report.contents import ReportContents
from spark_job.report.page import render_page
from spark_job.report.pictures import explained_variance_png, plane_png
from spark_job.report.projector import components_tsv, metadata_tsv


def render_report(contents: ReportContents) -> dict[str, bytes]:
    """File name -> bytes.

    `index.html` is always there and below 10 MB. `explained_variance.png` needs a reduction,
    `plane_1_2.png` and `plane_2_3.png` need points with two or three components, `components.tsv`
    and `metadata.tsv` (TensorBoard Embedding Projector) need points with one.

    Raises:
        ValueError: `components` does not have one row for each point.
    """
    if len(contents.components) != len(contents.points):
        raise ValueError(f"{len(contents.components)} rows of components, {len(contents.points)} points")
    files = {"index.html": render_page(contents)}
    if len(contents.explained_variance_ratio):
        files["explained_variance.png"] = explained_variance_png(
            contents.explained_variance_ratio, contents.component_count
        )
    dimension = contents.components.shape[1] if contents.points and contents.components.ndim == 2 else 0
    for first in range(min(dimension - 1, 2)):
        files[f"plane_{first + 1}_{first + 2}.png"] = plane_png(contents, first, first + 1)
    if dimension:
        files["components.tsv"] = components_tsv(contents.components)
        files["metadata.tsv"] = metadata_tsv(contents.points)
    return files
