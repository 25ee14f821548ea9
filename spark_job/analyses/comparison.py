"""The comparison of two runs: figures, newest classifiers, the angles between their components."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
from scipy.linalg import subspace_angles

from spark_job.analyses.runs import AnalysisRun, Lines, SourceRun, Summary, for_people
from spark_job.contract.errors import MisuseError
from spark_job.contract.manifest import RunFigures
from spark_job.contract.uris import normalise
from spark_job.pipeline.reduction_stage import fit_curve
from spark_job.pipeline.run_folder import complete_runs
from spark_job.reduction.principal_components import Reduction
from spark_job.report.charts import Axis, Line, line_chart
from spark_job.report.document import Block, Chart, Document, Number, Section, Table
from spark_job.report.palette import LINE_COLOURS
from spark_job.report.words import count, duration, percent, speed
from spark_job.storage import Folder

IMAGE_COUNTS = ("listed", "usable", "rejected", "skipped")
MAX_CURVE_POINTS = 500
NONE = "–"

Figures = dict[str, Any]  # what metrics.json says about one of the runs


def compare_runs(uris: tuple[str, str], results: str, prices: Sequence[float], run_id: str | None) -> Summary:
    """Compare two finished runs; prices of an hour: none, one for both, or two. MisuseError: no such two."""
    if len(prices) > 2:
        raise MisuseError(f"--price-per-hour was given {len(prices)} times: give it once or twice")
    runs = [SourceRun.open(uri) for uri in uris]
    if runs[0].uri == runs[1].uri:
        raise MisuseError(f"both runs are {runs[0].uri}: name two")
    analysis = AnalysisRun("compare", results, runs, {"price_per_hour": list(prices)}, run_id)
    both = [None, None] if not prices else [prices[0], prices[-1]]
    figures = [_figures(run, normalise(results), price) for run, price in zip(runs, both, strict=True)]
    why_none = _no_common_space(*runs)
    degrees = np.empty(0) if why_none else principal_angles(*(run.reduction() for run in runs))
    metrics = {"compare": {"runs": figures, "subspace_angles_degrees": degrees.tolist()}}
    tiles = _tiles(figures, degrees)
    names, seconds = [run.run_id for run in runs], [run.metrics["seconds"] for run in runs]
    stages = [name for name in seconds[0] if name != "total"]
    times = [[name, *(duration(one.get(name, 0.0)) for one in seconds)] for name in stages]
    times.append(["together, with Spark's start", *(duration(one["total"]) for one in seconds)])
    sections: dict[str, Sequence[Block]] = {
        "Figures": [_figures_table(runs, figures)],
        "Parameters": _parameters(runs),
        "Explained variance": [_curves(runs)],
        "Angles between the components": [why_none] if why_none else _angles(degrees),
        "Time": [Table("Wall time of each stage", ["", *names], times)],
    }
    document = Document("Comparison", " and ".join(names), tiles, [Section(*one) for one in sections.items()])
    findings: Lines = [
        ("runs", " / ".join(names)),
        ("images", " / ".join(count(one["images"]["usable"]) for one in figures)),
        *((name.lower(), text) for name, text in tiles.items()),
    ]
    return analysis.finish(metrics, document, findings)


def _figures(run: SourceRun, results: str, price_per_hour: float | None) -> Figures:
    places = sorted({results, run.uri.rpartition("/")[0]})
    accuracies = [  # of the `train` runs in these places whose first parent is this run
        (manifest.created, accuracy)
        for folder, manifest in chain.from_iterable(complete_runs(Folder(place)) for place in places)
        if manifest.kind == "train" and manifest.parents[:1] == (run.uri,)
        if (accuracy := RunFigures.of(manifest, folder.read_metrics()).accuracy) is not None
    ]
    seconds, reduction = float(run.metrics["seconds"]["total"]), run.metrics["reduction"]
    return {
        "run": run.uri,
        "images": {name: run.metrics["images"][name] for name in IMAGE_COUNTS},
        "images_per_second": run.metrics["features"]["images_per_second"],
        "components": reduction["components"],
        "explained_variance_ratio": reduction["explained_variance_ratio"],
        "accuracy": max(accuracies)[1] if accuracies else None,  # of the newest one
        "seconds": seconds,
        "cost": None if price_per_hour is None else seconds / 3600 * price_per_hour,
    }


def principal_angles(one: Reduction, other: Reduction) -> np.ndarray:
    """Return (min(k1, k2),) float64 angles in degrees, ascending: 0 is a direction that both keep.

    Bjoerck and Golub 1973, "Numerical methods for computing angles between linear subspaces" (Mathematics of
    Computation 27), as SciPy has it. Both must reduce the same features in the same units.
    """
    return np.sort(np.degrees(subspace_angles(one.loadings, other.loadings)))


def _no_common_space(one: SourceRun, other: SourceRun) -> str | None:
    """Return why there are no angles between two runs' components, or None when there are."""
    if one.manifest.extractor_fingerprint != other.manifest.extractor_fingerprint:
        return (
            "The runs have features of different extractors, or of different versions of this job: their "
            "components lie in different spaces."
        )
    kinds = {run.metrics["reduction"]["standardized"] for run in (one, other)}
    if None in kinds:
        return "One of the runs had no images, so it has no components."
    if len(kinds) > 1:
        return "One run standardises its features and the other does not: their axes have different units."
    return None


def _tiles(figures: Sequence[Figures], degrees: np.ndarray) -> dict[str, str]:
    tiles = {
        "Components": " / ".join(_shown(one["components"], count) for one in figures),
        "Wall time": " / ".join(duration(one["seconds"]) for one in figures),
    }
    if len(degrees):
        tiles["Largest angle"] = f"{degrees[-1]:.1f}°"
    if any(one["accuracy"] is not None for one in figures):
        tiles["Accuracy"] = " / ".join(_shown(one["accuracy"], percent) for one in figures)
    if figures[0]["cost"] is not None:
        tiles["Cost"] = " / ".join(f"{one['cost']:.4f}" for one in figures) + "\N{NO-BREAK SPACE}USD"
    return tiles


def _shown(value: float | None, write: Callable[[Any], str]) -> str:
    return NONE if value is None else write(value)


def _figures_table(runs: Sequence[SourceRun], figures: Sequence[Figures]) -> Table:
    lengths = [run.metrics["features"]["length"] for run in runs]
    lines: list[tuple[str, list[Any], Callable[[Any], str]]] = [
        *((f"Images {name}", [one["images"][name] for one in figures], count) for name in IMAGE_COUNTS),
        ("Features an image", lengths, count),
        ("Components", [one["components"] for one in figures], count),
        ("Variance they keep", [one["explained_variance_ratio"] for one in figures], percent),
        ("Accuracy of the newest classifier", [one["accuracy"] for one in figures], percent),
        ("Images a second", [one["images_per_second"] for one in figures], speed),
        ("Time", [one["seconds"] for one in figures], duration),
        ("Cost of that time, USD", [one["cost"] for one in figures], "{:.4f}".format),
    ]
    rows = [[name, *(Number(_shown(value, write)) for value in values)] for name, values, write in lines]
    return Table(
        f"Accuracy: of the newest run of fruit train that names the run, {NONE} where none does. Cost: by "
        "--price-per-hour; fruit cost says what a cluster costs.",
        ["", *(run.run_id for run in runs)],
        rows,
    )


def _parameters(runs: Sequence[SourceRun]) -> list[str | Table]:
    texts = []
    for manifest in (run.manifest for run in runs):
        job = {"network": manifest.model, "code": manifest.code.get("sha256", "")[:12]}
        texts.append(for_people({**job, **manifest.parameters}))
    one, other = texts
    names = sorted(one.keys() | other.keys())
    different = [
        [name, one.get(name, ""), other.get(name, "")] for name in names if one.get(name) != other.get(name)
    ]
    same = [name for name in names if one.get(name) == other.get(name)]
    alike = f"The same in both: {', '.join(same)}." if same else "None is the same in both."
    if not different:
        return [alike]
    return [Table("What differs", ["", *(run.run_id for run in runs)], different), alike]


def _curves(runs: Sequence[SourceRun]) -> Chart:
    curves = [np.cumsum(fit_curve(run.folder)) for run in runs]
    # A curve goes as far as it rises: n images have at most n - 1 components with variance.
    curves = [curve[: min(int((curve < 0.9999).sum()) + 1, MAX_CURVE_POINTS)] for curve in curves]
    # Through the gaps of a dotted line an equal one is seen.
    lines = [
        Line(run.run_id, range(1, len(curve) + 1), curve.tolist(), colour, style, marker=0)
        for run, curve, colour, style in zip(runs, curves, LINE_COLOURS, ("solid", "dot"), strict=False)
    ]
    shown = max(map(len, curves))
    caption = f"Share of the variance that the first components hold together, of {shown} at most"
    y = Axis("Share of the variance", ".0%", end=1.02)
    return line_chart(caption, "explained_variance", lines, Axis("Components"), y, compare=True)


def _angles(degrees: np.ndarray) -> list[str | Chart]:
    near = int((degrees < 10).sum())
    reading = (
        f"{near:,} of {len(degrees):,} principal angles between the two sets of kept components are below "
        "10°; 0° is a direction that both keep, 90° one that the other knows nothing of."
    )
    # A bar of 0° could not be seen, and the half of a point beyond the edge would be cut off.
    points = {"type": "scatter", "mode": "markers", "cliponaxis": False}
    chart = Chart(
        "Principal angles, ascending, in degrees",
        [{"x": list(range(1, len(degrees) + 1)), "y": degrees.tolist(), "name": "angle", **points}],
        {"xaxis": {"title": {"text": "Number"}}, "yaxis": {"title": {"text": "Degrees"}, "range": [0, 90]}},
    )
    return [reading, chart]
