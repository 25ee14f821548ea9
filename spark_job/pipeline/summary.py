"""What a person wants to know at the end of a run."""

from typing import Any

from spark_job.contract.run_layout import METRICS, REJECTED
from spark_job.contract.run_options import RunOptions
from spark_job.pipeline.run_folder import RunFolder
from spark_job.storage import Folder


def summary(options: RunOptions) -> str:
    """Return the counts and figures of a complete run, where its results are, and what to do next."""
    folder = RunFolder(Folder(options.results).at(options.run_id))
    metrics = folder.read_json(METRICS)
    counts = metrics["images"]
    kept = f" + {counts['kept']:,} kept" if counts["kept"] else ""
    lines = [
        f"images    {counts['listed']:,} listed{kept} = {counts['usable']:,} usable"
        f" + {counts['rejected']:,} rejected + {counts['skipped']:,} skipped"
    ]
    if counts["reused"] + counts["removed"]:
        lines.append(
            f"reused    {counts['reused'] + counts['kept']:,} from the previous run, {counts['new']:,} new, "
            f"{counts['removed']:,} gone from the source"
        )
    lines += _figures(metrics) if counts["usable"] else ["nothing to do: there were no images"]
    if metrics["drift"]:
        beyond = metrics["drift"]["beyond_error_limit"]
        advice = {True: "fit anew", False: "no need to fit anew", None: "too few to tell"}
        said = advice[metrics["drift"]["refit_advised"]]
        lines.append(f"drift     {beyond:.1%} of the new images beyond the 99 % reconstruction error: {said}")
    if counts["rejected"]:
        lines.append(f"rejected  {folder.uri(REJECTED)}")
    lines += [
        f"time      {metrics['seconds']['total']:.1f} s",
        f"results   {folder.folder.uri}",
        f"report    {folder.uri('report/index.html')}",
    ]
    if counts["usable"]:
        lines.append(f"next      new images with this PCA: add --reduction={folder.folder.uri}")
    return "\n".join(lines)


def _figures(metrics: dict[str, Any]) -> list[str]:
    features, reduction = metrics["features"], metrics["reduction"]
    speed = features["images_per_second"]
    return [
        f"features  {features['length']:,} each" + (f", {speed:,.0f} images/s" if speed else ", none new"),
        f"PCA       {reduction['components']:,} components keep "
        f"{reduction['explained_variance_ratio']:.1%} of the variance",
    ]
