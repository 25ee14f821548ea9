"""Made-up reports for the tests: clustered points with real small JPEGs."""

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from spark_job.extractors.specification import ExtractorSpecification, Weights
from spark_job.report.document import Point, RejectedImage, ReportContents

SCRIPT_NAME = "</script><img src=x onerror=window.hacked=1>.jpg"
HOSTILE_NAMES = (
    f"Kiwi/{SCRIPT_NAME}",
    "Kiwi/\"quotes'&amp;<b>.jpg",
    "Kiwi/=1+1,{{ 7*7 }} $\\frac{1}{0}$ ${x}.jpg",
    "Kiwi/pêche éclair.jpg",
    "Kiwi/تفاح أخضر.jpg",
    "Kiwi/tab\tand\nnewline.jpg",
    "Kiwi/not-utf-8-\udcff.jpg",
    "Kiwi/<!--<script>.jpg",
    "Kiwi/javascript:alert(1).jpg",
)
EXTRACTOR = ExtractorSpecification(
    model="mobilenet_v2",
    height=224,
    width=224,
    feature_length=1280,
    channel_order="RGB",
    pixel_mean=(127.5, 127.5, 127.5),
    pixel_scale=(127.5, 127.5, 127.5),
    weights=Weights(name="imagenet", source="Keras applications", license="Apache-2.0", sha256="5e" * 32),
    pooling="avg",
    parameters=2_257_984,
)


def jpeg(colour: tuple[int, int, int] = (200, 30, 30), size: int = 16) -> bytes:
    """A square of one colour."""
    target = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(target, "JPEG")
    return target.getvalue()


def clusters(class_numbers: np.ndarray, component_count: int, seed: int = 5) -> np.ndarray:
    """(n, k) float32: one cloud for each class, the first components the widest."""
    random = np.random.default_rng(seed)
    widths = 30 / np.sqrt(1 + np.arange(component_count))
    centres = random.normal(size=(class_numbers.max(initial=0) + 1, component_count))
    noise = random.normal(size=(len(class_numbers), component_count)) * 0.25
    return ((centres[class_numbers] + noise) * widths).astype(np.float32)


def example_report(
    class_count: int = 3, points_each: int = 4, component_count: int = 5, dimension: int = 64
) -> ReportContents:
    """A small, ordinary run."""
    labels = [f"Fruit {i:03d}" for i in range(class_count)]
    numbers = np.repeat(np.arange(class_count), points_each)
    points = [
        Point(f"{labels[number]}/{i}_100.jpg", labels[number], "Test", jpeg((50 * number % 255, 120, 60)))
        for i, number in enumerate(numbers.tolist())
    ]
    ratio = 1 / (1.5 + np.arange(dimension)) ** 1.3
    return ReportContents(
        run_id="2026-11-21-0903",
        created="2026-11-21 09:03:11 UTC",
        command="fruit run --images 's3://fruits/Test/' --results s3://fruits/results/ --k 50",
        extractor=EXTRACTOR,
        parameters={"images": "s3://fruits/Test/", "k": str(component_count), "standardise": "no"},
        versions={"python": "3.11.9", "spark": "3.5.6", "openvino": "2026.4.1"},
        image_counts={"listed": len(points) + 3, "usable": len(points), "rejected": 2, "skipped": 1},
        seconds={"listing": 1.2, "features": 75.0, "reduction": 4.25},
        images_per_second=163.2,
        component_count=component_count,
        explained_variance_ratio=ratio / ratio.sum(),
        points=points,
        components=clusters(numbers, component_count),
        classes=[(label, points_each, 1 if i < 2 else 0) for i, label in enumerate(labels)],
        rejected=[
            RejectedImage("Fruit 000/broken.jpg", "truncated: 12 of 100 rows", jpeg((9, 9, 200))),
            RejectedImage("Fruit 001/empty.jpg", "the file is empty"),
        ],
        skipped={"not an image (.txt)": 1},
    )


def hostile_report() -> ReportContents:
    """Names that would harm a page that trusted them."""
    contents = example_report(component_count=3)
    labels = ["Kiwi", SCRIPT_NAME, ""]
    points = [
        Point(name, labels[i % 3], "<i>Test</i>", jpeg())
        for i, name in enumerate(HOSTILE_NAMES + tuple(f"plain/{i}.jpg" for i in range(3)))
    ]
    return replace(
        contents,
        run_id=SCRIPT_NAME,
        command=f"fruit run --images '{SCRIPT_NAME}'",
        parameters={SCRIPT_NAME: SCRIPT_NAME},
        versions={SCRIPT_NAME: SCRIPT_NAME},
        notes=[SCRIPT_NAME],
        points=points,
        classes=[(label, 4, 0) for label in labels],
        rejected=[RejectedImage(name, f"cannot read {name}", jpeg()) for name in HOSTILE_NAMES],
        skipped={SCRIPT_NAME: 2},
        seconds={SCRIPT_NAME: 2.0},
    )


def without_reduction(contents: ReportContents) -> ReportContents:
    """The same run when there was nothing to reduce."""
    return replace(
        contents,
        component_count=0,
        explained_variance_ratio=np.empty(0),
        points=[],
        components=np.empty((0, 0), dtype=np.float32),
        classes=[],
        rejected=[],
        skipped={},
        seconds={},
        images_per_second=0.0,
        image_counts={"listed": 0, "usable": 0, "rejected": 0, "skipped": 0},
        notes=["No image is new, so there was nothing to do."],
    )
