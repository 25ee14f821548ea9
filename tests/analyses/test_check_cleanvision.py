"""`check` finds what CleanVision finds, photograph by photograph."""

import csv
import io
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import pytest
from cleanvision import Imagelab
from cleanvision.issue_managers.image_property import BlurrinessProperty, BrightnessProperty, EntropyProperty
from PIL import Image
from sklearn.datasets import load_sample_images

from spark_job.analyses.checking.analysis import check
from spark_job.analyses.checking.findings import Thresholds
from spark_job.analyses.checking.pixel_checks import ENTROPY_FACTOR, blur_scores
from spark_job.contract.run_options import ComponentRequest, ImageLimits
from spark_job.images.decoding import decode_picture
from spark_job.images.picture import Picture
from spark_job.images.quality import Quality, measure
from spark_job.session import open_session
from tests.spark.runs import run

# CleanVision's name -> ours.
ISSUES = {
    "dark": "dark",
    "light": "light",
    "low_information": "low_information",
    "blurry": "blurry",
    "odd_aspect_ratio": "odd_aspect_ratio",
    "odd_size": "odd_size",
    "grayscale": "greyscale",
    "exact_duplicates": "exact_duplicates",
    "near_duplicates": "near_duplicates",
}


def crops(side: int, count: int) -> list[Image.Image]:
    """Squares from scikit-learn's two photographs, spread over them."""
    pictures = []
    for number in range(count):
        whole = load_sample_images().images[number % 2]
        top, left = (number * 37) % (whole.shape[0] - side), (number * 91) % (whole.shape[1] - side)
        pictures.append(Image.fromarray(whole[top : top + side, left : left + side]))
    return pictures


def picture_of(image: Image.Image) -> Picture:
    """What a decoder gives, at full size."""
    return Picture(np.ascontiguousarray(image), False, image.width, image.height)


def oddities() -> dict[str, Image.Image]:
    """File name -> a photograph with a fault."""
    sample = crops(100, 20)
    # Without edges, and with greys that are spread: CleanVision takes few greys for a drawing.
    blurred = np.linspace(0, 130, 100 * 100 * 3).reshape(100, 100, 3).astype(np.uint8)
    wide, plain = sample[2].resize((400, 60)), Image.new("RGB", (100, 100), (120, 130, 140))
    return {
        "dark.png": sample[0].point(lambda value: value // 8),
        "nearly dark.png": sample[1].point(lambda value: value // 3),
        "light.png": sample[4].point(lambda value: 245 + value // 26),
        "plain.png": plain,
        "plain again.png": plain.copy(),
        "wide.png": wide,
        "huge.png": sample[6].resize((900, 900)),
        "blurred.png": Image.fromarray(blurred),
        "grey.png": sample[10].convert("L"),
        "grey.jpg": sample[12].convert("L"),
        "copy.png": sample[14].copy(),
        "same pixels.bmp.png": sample[14].copy(),
        "saved again.jpg": sample[14].copy(),
    }


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """A folder of ordinary photographs and odd ones."""
    folder = tmp_path_factory.mktemp("reference") / "images"
    (folder / "a").mkdir(parents=True)
    for number, picture in enumerate(crops(100, 24)):
        picture.save(folder / "a" / f"{number}.png")
    for name, picture in oddities().items():
        options: dict[str, Any] = {"quality": 92} if name.endswith(".jpg") else {}
        picture.save(folder / "a" / name, **options)
    return folder


@pytest.fixture(scope="module")
def reference(images):
    """CleanVision's table: a row for each path."""
    lab = Imagelab(data_path=str(images))
    lab.find_issues(n_jobs=1, verbose=False)
    return lab.issues


@pytest.fixture(scope="module")
def checked(images, tiny_extractor):
    """(path, issue) -> score, as `check` lists them."""
    results = images.parent / "results"
    source = run(images, results, tiny_extractor, request=ComponentRequest(0.9)).folder
    check(
        str(source),
        str(results),
        Thresholds(),
        "quality",
        lambda: open_session("tests").sparkContext,
        lambda line: None,
    )
    with (results / "quality" / "quality.csv").open(newline="") as file:
        return {(row["path"], row["issue"]): float(row["score"]) for row in csv.DictReader(file)}


@pytest.mark.parametrize("issue", ISSUES)
def test_the_same_photographs_are_found(issue, reference, checked):
    """Each issue occurs, and in the same photographs."""
    expected = {path for path, found in reference[f"is_{issue}_issue"].items() if found}
    assert expected
    assert {path for path, name in checked if name == ISSUES[issue]} == expected


@pytest.mark.parametrize("issue", sorted(ISSUES.keys() - {"grayscale"}))
def test_scores_are_the_same(issue, reference, checked):
    """Of what is found, within a hundredth: large photographs are thinned before they are measured."""
    scores = {path: score for (path, name), score in checked.items() if name == ISSUES[issue]}
    expected = reference[f"{issue}_score"].to_dict()
    assert scores == pytest.approx({path: expected[path] for path in scores}, abs=0.01)


def test_measures_of_small_photographs_are_cleanvisions():
    """Brightness and entropy to the last digits, hash to the bit; edges within the rounding of greys."""
    for picture in crops(100, 12):
        found = measure(picture_of(picture))
        brightness = BrightnessProperty("dark").calculate(picture)
        edges = BlurrinessProperty().calculate(picture)
        assert found.brightness_p5 == pytest.approx(brightness["brightness_perc_5"], abs=1e-6)
        assert found.brightness_p99 == pytest.approx(brightness["brightness_perc_99"], abs=1e-6)
        assert found.entropy == pytest.approx(EntropyProperty().calculate(picture)["entropy"])
        assert found.edge_deviation == pytest.approx(edges["blurriness"], rel=0.02)
        assert found.perceptual_hash == str(imagehash.phash(picture))


# CleanVision's own, by default: `IMAGE_PROPERTY_ISSUE_TYPES_LIST` of its Imagelab.
CUTS = {"dark": 0.32, "light": 0.05, "low_information": 0.3, "blurry": 0.29}


def large_photographs(width: int, height: int) -> dict[str, Image.Image]:
    """Photographs as a telephone takes them, with the noise of its sensor, some of them with a fault."""
    noise = np.random.default_rng(0).normal(0, 3, (height, width, 1))

    def taken(picture: Image.Image | np.ndarray) -> Image.Image:
        pixels = np.asarray(picture, np.float32)
        return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))

    size = (width, height)
    first, second = (Image.fromarray(one).resize(size) for one in load_sample_images().images)
    slope = np.add.outer(np.linspace(0, 65, height), np.linspace(0, 65, width)).astype(np.uint8)
    tower = first.crop((0, 0, width // 3, height // 3)).resize(size)
    return {
        "first": taken(first),
        "second": taken(second),
        "part": taken(tower),
        "dark": taken(first.point(lambda value: value // 8)),
        "nearly dark": taken(second.point(lambda value: value // 3)),
        "light": taken(first.point(lambda value: 253 + value // 128)),
        "plain": Image.new("RGB", size, (120, 130, 140)),
        "out of focus": Image.fromarray(slope).convert("RGB"),
        "soft": taken(first.resize((8, 6)).resize(size)),
        "white wall": taken(Image.new("RGB", size, (250, 250, 250))),
    }


def scores_of(found: Quality) -> dict[str, float]:
    """The scores of `check` that the pixels of one photograph decide."""
    edges, greys = np.array([found.edge_deviation]), np.array([found.grey_histogram_deviation])
    return {
        "dark": found.brightness_p99,
        "light": 1 - found.brightness_p5,
        "low_information": ENTROPY_FACTOR * found.entropy,
        "blurry": float(blur_scores(edges, greys)[0]),
    }


def cleanvisions_scores(photograph: Image.Image) -> dict[str, float]:
    """The same, by CleanVision from all pixels."""
    brightness = BrightnessProperty("dark").calculate(photograph)
    edges = BlurrinessProperty().calculate(photograph)
    deviations = (np.array([edges[name]]) for name in ("blurriness", "blurriness_grayscale_std"))
    return {
        "dark": float(brightness["brightness_perc_99"]),
        "light": 1 - float(brightness["brightness_perc_5"]),
        "low_information": ENTROPY_FACTOR * float(EntropyProperty().calculate(photograph)["entropy"]),
        "blurry": float(blur_scores(*deviations)[0]),
    }


@pytest.mark.parametrize(
    ("width", "height"), [(1536, 1152), pytest.param(4032, 3024, marks=pytest.mark.long)]
)
def test_large_photographs_that_are_decoded_at_a_scale_are_judged_alike(width, height):
    """Each fault occurs, in the same photographs; brightness and entropy are without the sensor's noise."""
    seen = set()
    for name, photograph in large_photographs(width, height).items():
        file = io.BytesIO()
        photograph.save(file, "JPEG", quality=92)
        expected = cleanvisions_scores(Image.open(file).convert("RGB"))
        found = scores_of(measure(decode_picture(file.getvalue(), ImageLimits(), (224, 224))))
        flagged = {issue for issue, cut in CUTS.items() if expected[issue] < cut}
        assert {issue for issue, cut in CUTS.items() if found[issue] < cut} == flagged, name
        for issue, most in {"dark": 0.06, "light": 0.03, "low_information": 0.2, "blurry": 0.06}.items():
            assert found[issue] == pytest.approx(expected[issue], abs=most), (name, issue)
        seen |= flagged
    assert seen == CUTS.keys()
