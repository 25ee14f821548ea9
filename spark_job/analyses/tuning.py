"""How fast the featurization is with other executors and cores, beside one plain serial process."""

import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from spark_job.analyses.runs import AnalysisRun, SourceRun, Summary
from spark_job.contract.extractor_files import ENGINE_FILES
from spark_job.contract.manifest import write_json
from spark_job.contract.run_layout import LISTING, REPORT, TUNING
from spark_job.contract.run_options import ImageLimits
from spark_job.contract.tuning import FittedLine, Measurement, Tuning
from spark_job.contract.uris import normalise
from spark_job.errors import ImageRejectedError
from spark_job.extractors.specification import Extractor
from spark_job.features.extraction import load_engine
from spark_job.images.decoding import decode_picture
from spark_job.images.listing import read_listing
from spark_job.images.preparation import prepare
from spark_job.images.reading import Pace, read_image
from spark_job.report.charts import Axis, Line, heat_trace, line_chart, plain_axes, png_bytes
from spark_job.report.document import Chart, Document, Number, Section, Table
from spark_job.report.palette import COLOURS
from spark_job.report.words import duration, percent, speed
from spark_job.storage import Folder

_CURVE_POINTS = 60
_SCALE = [[0, "#deebf7"], [1, "#4292c6"]]  # pale to strong: a figure in the page's ink can stand on it
_INK = "#1f2933"
COLUMNS = (
    *("executors x cores", "images", "seconds", "images/s"),
    *("speed-up", "efficiency", "USD per million images"),
)
SERIAL = "serial process"
# What metrics.json says of the recommended point.
FIGURES = ("executors", "cores", "images_per_second", "speed_up", "efficiency", "usd_per_million_images")
_RULE = "the fastest of those whose price is within 5 % of the lowest."


def heat_map(tuning: Tuning) -> Chart:
    """Draw the images a second of every point of the grid; what was not measured stays empty."""
    executors = sorted({point.executors for point in tuning.grid})
    cores = sorted({point.cores for point in tuning.grid})
    rates = np.full((len(executors), len(cores)), np.nan)
    for point in tuning.grid:
        rates[executors.index(point.executors), cores.index(point.cores)] = point.images_per_second
    written = {
        "text": [["" if np.isnan(rate) else speed(rate) for rate in row] for row in rates],
        "texttemplate": "%{text}",
        "textfont": {"color": _INK, "size": 15},
        "colorbar": {"title": {"text": "images/s"}},
        "hovertemplate": "%{y} executors x %{x} cores: %{z:,.1f} images/s<extra></extra>",
    }
    trace = heat_trace(rates, list(map(str, cores)), list(map(str, executors)), _SCALE, gap=2) | written
    layout = {
        "xaxis": {"title": {"text": "Cores of an executor"}, "type": "category"},
        "yaxis": {"title": {"text": "Executors"}, "type": "category"},
    }
    caption = "Images a second by executors and cores of each"
    return Chart(caption, [trace], layout, png=lambda: _grid_png(rates, executors, cores), name="heat_map")


def _seconds(
    name: str, by: str, title: str, fitted: Line, x: Sequence[int], runs: Sequence[Measurement]
) -> Chart:
    measured = Line("measured", x, [run.seconds for run in runs], style="none", marker=9)
    caption, axes = f"Seconds of the featurization by the {by}", (Axis(title), Axis("Seconds", ".2f"))
    return line_chart(caption, f"time_by_{name}", [fitted, measured], *axes)


def _grid_png(rates: np.ndarray, executors: Sequence[int], cores: Sequence[int]) -> bytes:
    figure, axes = plain_axes(6, 4.5)
    axes.grid(visible=False)
    image = axes.imshow(
        rates, cmap="Blues", aspect="auto", origin="lower", vmin=0, vmax=np.nanmax(rates) * 1.4
    )
    axes.set_xticks(range(len(cores)), [str(number) for number in cores])
    axes.set_yticks(range(len(executors)), [str(number) for number in executors])
    axes.set(xlabel="Cores of an executor", ylabel="Executors")
    for row, column in zip(*np.nonzero(~np.isnan(rates)), strict=True):
        axes.text(column, row, speed(float(rates[row, column])), ha="center", va="center", color=_INK)
    figure.colorbar(image, label="images/s")
    return png_bytes(figure)


def write_tuning_report(tuning: Tuning, results: str, run_id: str | None = None) -> str:
    """Write a tuning's run folder; return the URI of its page. MisuseError: the name is taken."""
    parameters = {**tuning.place, "images": str(tuning.images)}
    analysis = AnalysisRun("tune", results, [], parameters, run_id)
    metrics = {"tuning": {name: getattr(tuning.recommended, name, None) for name in FIGURES}}
    analysis.finish(metrics, _document(tuning), outputs={TUNING: write_json(tuning.as_json())})
    return analysis.folder.child(f"{REPORT}/index.html")


def _document(tuning: Tuning) -> Document:
    best = tuning.recommended
    tiles, advice = {"Recommended": "nothing"}, tuning.too_small
    if best:
        tiles = {
            "Recommended": best.name,
            "Images a second": speed(best.images_per_second),
            "Speed-up": f"{best.speed_up:.2f}",
            "Efficiency": percent(best.efficiency, 0),
            "USD per million images": f"{best.usd_per_million_images:.2f}",
        }
        advice = f"Recommended: {best.name} (executors x cores of each), {_RULE}"
    notes = [advice]
    if not (tuning.by_images.slope > 0 and tuning.by_cores.slope > 0):
        notes.append(
            "Time did not grow with the images, or did not fall with the cores: the sample is too small "
            "beside the start of the workers, or something else kept the machine busy. Tune again with a "
            "larger --sample."
        )
    return Document(
        "Executors and cores",
        f"The featurization of {tuning.images:,} images, wall time",
        tiles=tiles,
        sections=(_grid_section(tuning), _images_section(tuning), _cores_section(tuning)),
        notes=notes,
    )


def _grid_section(tuning: Tuning) -> Section:
    images, seconds = tuning.images, tuning.serial_seconds
    serial = (SERIAL, images, round(seconds, 2), round(images / seconds, 1), 1.0, Number("100 %"), "")
    text = (
        "Speed-up is the serial process's time over the point's; efficiency is that by core. The serial "
        "process is one plain process without Spark, on one core, on the same images."
    )
    price = (
        "The price counts the primary node and as many whole worker nodes as have these cores, on "
        "demand, for the time of the featurization alone."
    )
    table = Table("Each point of the grid", COLUMNS, [*_rows(tuning.grid), serial])
    return Section("Executors x cores", (text, heat_map(tuning), table, price))


def _images_section(tuning: Tuning) -> Section:
    line, images = tuning.by_images, [run.images for run in tuning.sizes]
    curve = [0.0, float(max(images))]
    fitted = Line("fitted", curve, list(map(line.at, curve)), COLOURS[1], marker=0)
    chart = _seconds("images", "number of images", "Images", fitted, images, tuning.sizes)
    rate = "" if line.slope <= 0 else f": {speed(1 / line.slope)} images/s beyond the fixed part"
    text = (
        f"With {tuning.sizes[0].name}, time is {duration(line.fixed_seconds)} + "
        f"{1e3 * line.slope:.2f} ms for each image{rate}. {_quality(line)}"
    )
    table = Table("Each size", COLUMNS[:4], [row[:4] for row in _rows(tuning.sizes)])
    return Section("Time and images", (text, chart, table))


def _cores_section(tuning: Tuning) -> Section:
    line, cores = tuning.by_cores, [run.all_cores for run in tuning.grid]
    curve = np.linspace(min(cores), max(cores), _CURVE_POINTS).tolist()
    fitted = Line("fitted", curve, [line.at(1 / count) for count in curve], COLOURS[1], marker=0)
    chart = _seconds("cores", "cores of all executors", "Cores of all executors", fitted, cores, tuning.grid)
    text = (
        f"Time is {duration(line.fixed_seconds)} + {duration(line.slope)} / cores of all executors: the "
        f"first part is what more cores do not shorten. {_quality(line)}"
    )
    return Section("Time and cores", (text, chart))


def _quality(line: FittedLine) -> str:
    return "" if line.r_squared is None else f"The line explains {percent(line.r_squared)} of the variance."


def _rows(points: Sequence[Measurement]) -> list[tuple[str | int | float, ...]]:
    return [
        (
            point.name,
            point.images,
            round(point.seconds, 2),
            round(point.images_per_second, 1),
            round(point.speed_up, 2),
            Number(percent(point.efficiency, 0)),
            round(point.usd_per_million_images, 2),
        )
        for point in points
    ]


def measure_serial_process(
    like: str, results: str, extractor: str, engine: str, run_id: str | None = None
) -> Summary:
    """Time one plain process on the images of the run `like`, and write a run of its own.

    On one core, from loading the network to the last image, it extracts features one by one, and drops
    them.
    """
    source = SourceRun.open(like)
    parameters = {"like": source.uri, "extractor": extractor, "engine": engine}
    analysis = AnalysisRun("time-serial", results, [source], parameters, run_id)
    files = [file for file in read_listing(source.folder.at(LISTING)) if file.skipped is None]
    opened, limits, usable = Extractor.open(Folder(normalise(extractor))), ImageLimits(), 0
    specification, read = opened.specification, Pace(partial(read_image, limits=limits))
    tensor = np.empty((1, specification.height, specification.width, 3), np.float32)
    with tempfile.TemporaryDirectory(prefix="spark-job-") as scratch:
        fetched = {name: opened.fetch(name, into=Path(scratch)) for name in ENGINE_FILES[engine]}
        started = time.monotonic()
        network = load_engine(fetched, specification, engine, "f32")
        for file in files:
            with suppress(ImageRejectedError):
                content = read(file)
                if isinstance(content, ImageRejectedError):
                    continue
                picture = decode_picture(content, limits, (specification.height, specification.width))
                prepare(picture.pixels, specification, tensor[0])
                network.features(tensor)
                usable += 1
        seconds = time.monotonic() - started
    images, rejected = len(files), len(files) - usable
    rate = images / seconds  # rejected images count: they were read as well
    document = Document(
        "One serial process",
        "Read, decode, prepare and extract, one image after the other, on one core",
        {"Images": f"{images:,}", "Seconds": f"{seconds:.1f}", "Images a second": f"{rate:,.0f}"},
        sections=(),
    )
    metrics = {"images": {"usable": usable, "rejected": rejected}, "features": {"images_per_second": rate}}
    findings = [
        ("images", f"{images:,} = {usable:,} usable + {rejected:,} rejected"),
        ("speed", f"{rate:,.0f} images/s in one process, {seconds:.1f} s"),
    ]
    return analysis.finish(metrics, document, findings)
