"""`index.html`: safe, small, and sensible whatever the run was."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from spark_job.extractors.specification import Weights
from spark_job.report.document import Point, RejectedImage, ReportContents
from spark_job.report.page import MAX_PAGE_BYTES
from spark_job.report.page import render_page as render_document_page
from spark_job.report.run_report import run_document
from tests.report_examples import (
    EXTRACTOR,
    HOSTILE_NAMES,
    clusters,
    example_report,
    hostile_report,
    without_reduction,
)


def render_page(contents: ReportContents) -> bytes:
    return render_document_page(run_document(contents))


class _Page(HTMLParser):
    """Elements, the text outside scripts and the text of each script, as a browser splits them."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, Any]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._inside = tag
            self.scripts += [""] if tag == "script" else []

    def handle_endtag(self, tag):
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts[-1] += data
        elif not self._inside:
            self.text += data

    @property
    def prose(self) -> str:
        return " ".join(self.text.split())

    @property
    def data(self) -> dict:
        return json.loads(self.scripts[0])["explorer"]


def test_names_from_files_stay_text():
    """No name adds an element, an event handler or a script to the page."""
    page = _Page(render_page(hostile_report()))
    assert [name for name, _ in page.elements].count("script") == 4
    assert not [attributes for _, attributes in page.elements for key in attributes if key.startswith("on")]
    pictures = [attributes["src"] for name, attributes in page.elements if name == "img"]
    assert all(source.startswith("data:image/jpeg;base64,") for source in pictures)
    assert "</script><img src=x onerror=window.hacked=1>.jpg" in page.text


def test_every_name_reaches_the_script_unchanged():
    """The CSV a reader saves has the names of the files, whatever letters they are made of."""
    page = _Page(render_page(hostile_report()))
    assert page.data["paths"][: len(HOSTILE_NAMES)] == list(HOSTILE_NAMES)
    assert page.data["labels"][:3] == ["Kiwi", "</script><img src=x onerror=window.hacked=1>.jpg", ""]


def test_the_data_holds_no_angle_bracket():
    """Neither `</script>` nor `<!--` in a name can end the data."""
    page = render_page(hostile_report()).decode()
    data = re.search(r'id="report-data">(.*?)</script>', page, re.DOTALL).group(1)
    assert "<" not in data


def test_only_the_pages_own_scripts_may_run():
    """The policy names the two scripts by their hashes and nothing else."""
    page = _Page(render_page(example_report()))
    policy = next(a["content"] for n, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in page.scripts[1:]]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert re.findall(r"'sha256-([^']+)'", policy) == hashes
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]


def test_the_page_names_no_other_file():
    """Nothing is loaded: every src is data; one link leaves the page, to the index of all runs."""
    page = _Page(render_page(example_report()))
    sources = [a[key] for _, a in page.elements for key in ("src", "href") if key in a]
    assert {source for source in sources if not source.startswith(("data:", "#"))} == {"../../index.html"}


def test_the_largest_report_stays_below_10_mb_and_says_what_it_left_out():
    """2,000 points of 131 classes and 500 rejected images, all with thumbnails of 6 kB."""
    rng = np.random.default_rng(1)
    numbers = np.arange(2000) % 131
    points = [
        Point(f"Test/Fruit {n}/{i}.jpg", f"Fruit {n}", "Test", rng.bytes(6000)) for i, n in enumerate(numbers)
    ]
    contents = replace(
        example_report(),
        points=points,
        components=clusters(numbers, 50),
        classes=[(f"Fruit {n}", 500, 3) for n in range(131)],
        rejected=[RejectedImage(f"Test/{i}.jpg", "truncated", rng.bytes(6000)) for i in range(500)],
        image_counts={"listed": 66_000, "usable": 65_500, "rejected": 500, "skipped": 0},
    )
    content = render_page(contents)
    page = _Page(content)
    assert MAX_PAGE_BYTES - 300_000 < len(content) <= MAX_PAGE_BYTES
    shown = [
        n for n, thumbnail in zip(page.data["classes"], page.data["thumbnails"], strict=True) if thumbnail
    ]
    each_class = np.bincount(shown, minlength=131)
    assert each_class.min() >= 1
    assert each_class.max() - each_class.min() <= 2
    assert "A sample: 2,000 of 65,500 usable photographs" in page.prose
    assert f"it holds the pictures of {len(shown):,} of them, and the names" in page.prose
    assert "Nothing is wrong with the others." in page.prose
    assert "photographs stand here by name only" in page.prose
    assert "not in this page" in page.text


def test_long_names_and_many_classes_stay_below_10_mb():
    """S3 keys have up to 1,024 bytes; nothing keeps an archive from having 30,000 classes."""
    points = [Point(f"{i:04d}" + "é" * 510, f"class {i}", "Test") for i in range(2000)]
    contents = replace(
        example_report(),
        points=points,
        components=np.ones((2000, 3), dtype=np.float32),
        classes=[(f"class {i} " + "é" * 100, 1, 0) for i in range(30_000)],
        rejected=[RejectedImage("é" * 512, "x" * 5000) for _ in range(500)],
        image_counts={"listed": 33_000, "usable": 30_000, "rejected": 3000, "skipped": 0},
    )
    content = render_page(contents)
    assert len(content) < 10_000_000
    assert "29,000 more classes are not shown" in _Page(content).prose
    assert "The first 500 of 3,000 images that could not be used" in _Page(content).prose


@pytest.mark.parametrize(("component_count", "planes"), [(1, 1), (2, 1), (3, 2), (5, 2)])
def test_there_are_as_many_planes_as_components_allow(component_count, planes):
    """One component makes a line, two a plane, more two planes."""
    page = _Page(render_page(example_report(component_count=component_count)))
    assert sum("plane" in (a.get("class") or "").split() for _, a in page.elements) == planes
    assert ("One component makes a line" in page.prose) == (component_count == 1)


def test_a_run_with_nothing_to_do_is_reported():
    """Sections that have nothing to show say so."""
    page = _Page(render_page(without_reduction(example_report())))
    assert "No image is new, so there was nothing to do." in page.prose
    assert "Nothing was reduced in this run, so there are no planes to show." in page.prose
    assert page.data is None


def test_an_image_without_a_class_is_shown_as_such():
    page = _Page(render_page(hostile_report()))
    assert "(no class)" in [style["name"] for style in page.data["styles"]]


def test_random_weights_are_warned_about_once():
    """With the job's own note or without."""
    weights = Weights(name="random", source="Keras", license="Apache-2.0", random_seed=7)
    contents = replace(example_report(), extractor=replace(EXTRACTOR, weights=weights))
    assert "The weights of the network are random" in _Page(render_page(contents)).prose
    noted = _Page(render_page(replace(contents, notes=["Random weights: for tests only."]))).prose
    assert "Random weights: for tests only." in noted
    assert "The weights of the network are random" not in noted


def test_numbers_that_are_no_numbers_become_null():
    """JSON has no NaN; the page leaves such points out of the planes."""
    contents = example_report(component_count=3)
    contents.components[0, 0] = np.nan
    assert _Page(render_page(contents)).data["coordinates"][0][0] is None


def test_form_controls_have_labels_and_tables_have_captions():
    """What a screen reader needs to name them."""
    page = _Page(render_page(example_report()))
    labelled = {a.get("for") for n, a in page.elements if n == "label"}
    assert {a["id"] for n, a in page.elements if n == "input"} <= labelled
    names = [n for n, _ in page.elements]
    assert names.count("caption") == names.count("table") > 5
    assert all("alt" in a for n, a in page.elements if n == "img")
