"""The page of an analysis."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from spark_job.contract.manifest import RunFigures
from spark_job.report.document import (
    Chart,
    Document,
    Gallery,
    Photograph,
    Section,
    Table,
)
from spark_job.report.page import render_document, render_index
from tests.report_examples import SCRIPT_NAME, jpeg

HOSTILE = SCRIPT_NAME


def page_of(*blocks, **others) -> str:
    document = Document("Title", "subtitle", {"Images": "12"}, [Section("Heading", blocks)], **others)
    return render_document(document)["index.html"].decode()


def test_everything_is_on_the_page():
    """Texts, figures, tables, notes and parameters."""
    table = Table("A table", ["Name", "Number"], [["apple", 3]])
    page = page_of("A sentence.", table, notes=["Mind this."], parameters={"seed": "1"})
    for text in ("A sentence.", "A table", "apple", "Mind this.", "seed", "Heading", "12"):
        assert text in page


def test_numbers_stand_to_the_right():
    page = page_of(Table("A table", ["Name", "Number"], [["apple", 3]]))
    assert '<td class="number">3</td>' in page
    assert '<th scope="row"><bdi>apple</bdi></th>' in page


def test_photographs_are_in_the_page():
    """As data, so that the page is one file."""
    page = page_of(Gallery("Some", [Photograph(jpeg(), "apple", "note"), Photograph(None, "lost")]))
    assert page.count("data:image/jpeg;base64,") == 1
    assert "no picture" in page


def test_a_page_too_large_says_what_it_leaves_out():
    """Below 10 MB whatever is put in."""
    large = b"\xff\xd8" + bytes(600_000)
    page = page_of(Gallery("Many", [Photograph(large, str(number)) for number in range(30)]))
    assert len(page) < 10_000_000
    shown = page.count("data:image/jpeg;base64,")
    assert 0 < shown < 30
    assert f"{30 - shown} photographs stand here by name only. Nothing is wrong with them." in page


def test_hostile_names_do_no_harm():
    """No script of theirs reaches the page, wherever they stand."""
    photograph = Photograph(jpeg(), HOSTILE, HOSTILE)
    chart = Chart(HOSTILE, [{"x": [1], "y": [1], "name": HOSTILE}], photographs=[photograph])
    blocks = [HOSTILE, Table(HOSTILE, [HOSTILE], [[HOSTILE]]), Gallery(HOSTILE, [photograph]), chart]
    page = page_of(*blocks, notes=[HOSTILE], parameters={HOSTILE: HOSTILE})
    assert HOSTILE not in page
    assert "<img src=x" not in page


def test_charts_have_their_data_and_their_picture():
    """plotly's data in the page, and the PNG beside it under the chart's name."""
    chart = Chart("A chart", [{"x": [1, 2], "y": [3, 4]}], png=lambda: b"png", name="curve")
    files = render_document(Document("T", "s", {}, [Section("H", [chart])]))
    data: Any = re.search(r'id="report-data">(.*?)</script>', files["index.html"].decode(), re.DOTALL)
    assert json.loads(data[1])["charts"][0]["data"] == [{"x": [1, 2], "y": [3, 4]}]
    assert files["curve.png"] == b"png"


def test_a_page_without_charts_is_small():
    """It does without plotly.js and runs no script."""
    page = page_of("Text.")
    assert len(page) < 50_000
    assert "script-src 'none'" in page


def test_the_index_lists_what_a_person_compares():
    """Figures and dates as people read them; a folder's name is no other address and no markup."""
    run = RunFigures(
        kind="run",
        created=datetime(2026, 11, 21, 9, 3, tzinfo=UTC),
        parents=("source",),
        model="mobilenet_v2",
        images=8560,
        rejected=7,
        components=117,
        explained_variance_ratio=0.8,
        accuracy=0.931,
        images_per_second=202.4,
        seconds=3725,
        cost_usd=0.294,
    )
    assert ">USD<" not in render_index({"local": replace(run, cost_usd=None)}).decode()
    page = render_index({"mine": run, "javascript:alert(1)": RunFigures(), HOSTILE: RunFigures()}).decode()
    page = page.replace("\N{NO-BREAK SPACE}", " ")
    for text in (
        "21 Nov 2026, 09:03",
        "8,560",
        ">7<",
        "117",
        "80.0 %",
        "mobilenet_v2",
        "93.1 %",
        "202",
        ">0.29<",
    ):
        assert text in page
    assert 'data-order="3725">1 h 2 min</td>' in page
    assert "<td>source</td>" in page
    links = re.findall(r'<bdi><a href="([^"]*)"', page)
    assert links[:2] == ["mine/report/index.html", "javascript%3Aalert%281%29/report/index.html"]
    assert HOSTILE not in page
