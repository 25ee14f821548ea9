"""`check` finds what CleanVision finds, photograph by photograph."""

import csv
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
from spark_job.contract.run_options import ComponentRequest
from spark_job.images.quality import measure
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
        found = measure(np.ascontiguousarray(picture), greyscale=False)
        brightness = BrightnessProperty("dark").calculate(picture)
        edges = BlurrinessProperty().calculate(picture)
        assert found.brightness_p5 == pytest.approx(brightness["brightness_perc_5"], abs=1e-6)
        assert found.brightness_p99 == pytest.approx(brightness["brightness_perc_99"], abs=1e-6)
        assert found.entropy == pytest.approx(EntropyProperty().calculate(picture)["entropy"])
        assert found.edge_deviation == pytest.approx(edges["blurriness"], rel=0.02)
        assert found.perceptual_hash == str(imagehash.phash(picture))
