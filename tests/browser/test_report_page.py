"""The report page in a real browser, opened from disk as a reader does."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect, sync_playwright

from spark_job.contract.manifest import RunFigures
from spark_job.report.document import Document, Number, ReportContents, Section, Table
from spark_job.report.page import render_index, render_page
from spark_job.report.run_report import run_document
from tests.browser.chromium import find_chromium
from tests.report_examples import HOSTILE_NAMES, example_report, hostile_report, without_reduction

# Where a point is on the screen, by the plot's own axes.
_PLACES = """plane => {
  const trace = plane.data[0], {xaxis, yaxis} = plane._fullLayout, box = plane.getBoundingClientRect();
  return trace.customdata.map((row, i) => [row,
    box.left + xaxis._offset + xaxis.l2p(trace.x[i]), box.top + yaxis._offset + yaxis.l2p(trace.y[i])]);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.executable,
            args=list(chromium.arguments),
            env={**chromium.environment} or None,
        )
        yield browser
        browser.close()


class Reader:
    """Opens reports and remembers what went wrong."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self.context = browser.new_context(viewport={"width": 1400, "height": 1000}, accept_downloads=True)
        self.folder = folder
        self.problems: list[str] = []

    def open(self, contents: ReportContents) -> Page:
        page = self.open_page(render_page(run_document(contents)))
        page.wait_for_selector("html[data-ready]")
        return page

    def open_page(self, content: bytes) -> Page:
        path = self.folder / "index.html"
        path.write_bytes(content)
        page = self.context.new_page()
        page.on("console", lambda message: self.problems.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("dialog", self._note_dialog)
        page.on("request", self._look_at_request)
        page.goto(path.as_uri())
        return page

    def _note_dialog(self, dialog: Dialog) -> None:
        self.problems.append("dialog")
        dialog.dismiss()

    def _look_at_request(self, request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.problems.append(f"request: {request.url}")


@pytest.fixture
def reader(browser: Browser, tmp_path: Path) -> Iterator[Reader]:
    """A reader whose page may neither complain nor ask the network for anything."""
    reader = Reader(browser, tmp_path)
    yield reader
    reader.context.close()
    assert reader.problems == []


def _plane(page: Page, number: int = 0):
    plane = page.locator(".plane").nth(number)
    plane.scroll_into_view_if_needed()
    return plane


def _draw_lasso(page: Page, corners: list[tuple[float, float]]) -> None:
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in (*corners[1:], corners[0]):
        page.mouse.move(*corner, steps=8)
    page.mouse.up()


def _lasso_class(page: Page, contents: ReportContents, label: str) -> set[str]:
    """Draw around the points of a class; the paths of all points within."""
    places = _plane(page).evaluate(_PLACES)
    wanted = [(x, y) for row, x, y in places if contents.points[row].label == label]
    left, right = min(x for x, _ in wanted) - 8, max(x for x, _ in wanted) + 8
    top, bottom = min(y for _, y in wanted) - 8, max(y for _, y in wanted) + 8
    _draw_lasso(page, [(left, top), (right, top), (right, bottom), (left, bottom)])
    return {contents.points[row].path for row, x, y in places if left < x < right and top < y < bottom}


def _saved_rows(page: Page) -> list[list[str]]:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save names as CSV").click()
    assert download.value.suggested_filename == "selected-photographs.csv"
    return list(csv.reader(io.StringIO(Path(download.value.path()).read_bytes().decode(), newline="")))


def test_the_page_shows_the_run_and_draws_its_plots(reader):
    """Heading, the chart of the variance with k, and both planes with all points."""
    page = reader.open(example_report())
    expect(page.get_by_role("heading", level=1)).to_have_text("Run 2026-11-21-0903")
    expect(page.locator("#variance .barlayer .point")).to_have_count(20)
    expect(page.locator("#variance")).to_contain_text("k = 5 keeps")
    for number in range(2):
        expect(page.locator(".plane").nth(number).locator(".scatterlayer .point")).to_have_count(12)


def test_hovering_shows_the_photograph_its_class_and_its_name(reader):
    contents = example_report()
    page = reader.open(contents)
    row, x, y = _plane(page).evaluate(_PLACES)[3]
    page.mouse.move(x - 30, y - 30)
    page.mouse.move(x, y, steps=5)
    card = page.locator("#card")
    expect(card).to_be_visible()
    expect(card).to_contain_text(contents.points[row].path)
    expect(card).to_contain_text(contents.points[row].label)
    assert card.locator("img").evaluate("image => image.complete && image.naturalWidth") == 16


def test_a_lasso_shows_the_photographs_and_saves_their_names(reader):
    """Side by side, and exactly those inside; the file has full names and labels."""
    contents = example_report(class_count=5, points_each=6)
    page = reader.open(contents)
    inside = _lasso_class(page, contents, "Fruit 002")
    assert len(inside) >= 6
    expect(page.locator("#gallery li")).to_have_count(len(inside))
    expect(page.locator("#gallery img")).to_have_count(len(inside))
    rows = _saved_rows(page)
    labels = {point.path: point.label for point in contents.points}
    assert rows[0] == ["path", "label"]
    assert {tuple(row) for row in rows[1:]} == {(path, labels[path]) for path in inside}
    page.get_by_role("button", name="Clear the selection").click()
    expect(page.locator("#gallery li")).to_have_count(0)


def test_a_second_lasso_replaces_the_first_and_shift_adds(reader):
    contents = example_report(class_count=5, points_each=6)
    page = reader.open(contents)
    first = _lasso_class(page, contents, "Fruit 000")
    expect(page.locator("#gallery li")).to_have_count(len(first))
    second = _lasso_class(page, contents, "Fruit 003")
    assert first != second
    expect(page.locator("#gallery li").first).to_have_attribute("title", sorted(second)[0])
    page.keyboard.down("Shift")
    third = _lasso_class(page, contents, "Fruit 002")
    page.keyboard.up("Shift")
    expect(page.locator("#gallery li")).to_have_count(len(second | third))


def test_search_lists_rings_and_selects_matches(reader):
    """By name, whatever the case and the accents."""
    contents = example_report()
    points = [replace(contents.points[0], path="Pêche/Éclair.jpg"), *contents.points[1:]]
    page = reader.open(replace(contents, points=points))
    page.get_by_label("Name or class contains").fill("eclair")
    expect(page.locator("#search-status")).to_have_text("1 match.")
    expect(page.locator("#matches button")).to_have_text("Éclair.jpgFruit 000")
    expect(_plane(page).locator(".scatterlayer .trace").nth(1).locator(".point")).to_have_count(1)
    page.get_by_role("button", name="Select all matches").click()
    expect(page.locator("#selection-status")).to_have_text("1 photograph selected.")
    page.get_by_label("Name or class contains").fill("fruit 001")
    expect(page.locator("#search-status")).to_have_text("4 matches.")
    page.get_by_label("Name or class contains").fill("nothing like this")
    expect(page.locator("#search-status")).to_have_text("0 matches.")


def test_classes_can_be_hidden_and_shown(reader):
    """One by one, all at once, or those that a filter lists."""
    page = reader.open(example_report())
    points = _plane(page).locator(".scatterlayer .trace").first.locator(".point")
    page.get_by_role("checkbox", name="Fruit 001").uncheck()
    expect(points).to_have_count(8)
    page.get_by_role("button", name="None").click()
    expect(points).to_have_count(0)
    page.get_by_label("Filter the list").fill("002")
    page.get_by_role("button", name="All", exact=True).click()
    expect(points).to_have_count(4)
    expect(page.locator("#class-status")).to_have_text("1 of 3 classes shown.")
    page.get_by_role("button", name="Select visible").click()
    expect(page.locator("#gallery li")).to_have_count(4)


def test_runs_are_sorted_and_filtered(reader):
    """By the keyboard alone: largest first, what is not known last; the column says how it is sorted."""
    seconds = {"b": 70.0, "a": None, "d": 3725.0, "c": 9.0, "e": 8.0, "f": 7.0}
    runs = {
        name: RunFigures(kind="run", model="resnet50" if name in "ac" else "vgg16", seconds=value)
        for name, value in seconds.items()
    }
    page = reader.open_page(render_index(runs))
    names = page.locator(".runs tbody tr:visible th")
    page.get_by_role("button", name="Time").press("Enter")
    expect(names).to_have_text([*"dbcefa"])
    expect(page.get_by_role("columnheader", name="Time")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="Time").press("Space")
    expect(names).to_have_text([*"fecbda"])
    page.get_by_role("button", name="Run").click()
    expect(page.locator("[aria-sort]")).to_have_count(1)
    expect(names).to_have_text([*"abcdef"])
    page.get_by_label("Show rows that contain Finished runs").fill("ResNet")
    expect(names).to_have_text(["a", "c"])
    expect(page.get_by_role("status")).to_have_text("2 of 6 rows.")
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_table_of_classes_is_sorted_and_filtered(reader):
    page = reader.open(example_report(class_count=7))
    table = page.get_by_role("table", name="Images of each class")
    table.get_by_role("button", name="Class").click()
    table.get_by_role("button", name="Class").click()
    expect(table.locator("tbody th").first).to_have_text("Fruit 006")
    page.get_by_label("Show rows that contain Images of each class").fill("004")
    expect(table.locator("tbody tr:visible")).to_have_count(1)


def test_hostile_names_are_shown_and_do_nothing(reader):
    """In the tables, on the cards, in the gallery; and the CSV gives them back."""
    page = reader.open(hostile_report())
    page.get_by_label("Name or class contains").fill("kiwi")
    for button in page.locator("#matches button").all():
        button.focus()
        expect(page.locator("#card")).to_be_visible()
    page.get_by_role("button", name="Select visible").click()
    expect(page.locator("#gallery li")).to_have_count(12)
    assert page.evaluate("window.hacked") is None
    # UTF-8 has no lone surrogates: a browser writes U+FFFD instead.
    expected = [name.replace("\udcff", "\N{REPLACEMENT CHARACTER}") for name in HOSTILE_NAMES]
    assert [row[0] for row in _saved_rows(page)][1 : 1 + len(expected)] == expected


def test_the_keyboard_reaches_every_control(reader):
    """Tab visits the box of the command, search, classes, planes and table regions, in that order."""
    page = reader.open(example_report())
    visited: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        visited.append(page.evaluate("(e => e.id || e.className || e.type || '')(document.activeElement)"))
    wanted = [
        "skip",
        "copy-command",
        "search",
        "class-filter",
        "classes-all",
        "classes-none",
        "select-visible",
    ]
    assert [name for name in dict.fromkeys(visited) if name in wanted] == wanted
    assert sum("plane" in name.split() for name in visited) >= 2
    assert visited.count("checkbox") >= 3


def test_the_keyboard_alone_selects_photographs(reader):
    """Arrow keys step through a plane, Enter takes a point, Escape puts the card away."""
    page = reader.open(example_report())
    _plane(page).focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#card")).to_be_visible()
    first = page.locator("#card .photograph-path").inner_text()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    assert page.locator("#card .photograph-path").inner_text() != first
    page.keyboard.press("Enter")
    expect(page.locator("#gallery li")).to_have_count(2)
    page.keyboard.press("Escape")
    expect(page.locator("#card")).to_be_hidden()


def test_the_command_is_copied(reader):
    reader.context.grant_permissions(["clipboard-read", "clipboard-write"])
    contents = example_report()
    page = reader.open(contents)
    page.get_by_role("button", name="Copy the command").click()
    expect(page.locator("#copy-status")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == contents.command


@pytest.mark.parametrize("width", [360, 420, 800, 1400])
def test_nothing_is_wider_than_the_window(reader, width):
    page = reader.open(example_report(class_count=131, points_each=3))
    page.set_viewport_size({"width": width, "height": 800})
    # The plots follow the window a moment later.
    page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)


def test_words_stay_whole_on_a_phone(reader):
    """A table that is too wide for that scrolls by itself; the figures above it fit into their boxes."""
    name, columns = "Variance they keep", ["", "20261129-060833", "20261129-061612", "What it means"]
    table = Table(
        "Figures", columns, [(name, Number("80.1 %"), Number("79.9 %"), "the share of the variance")]
    )
    tiles = {"Components": "42 / 42", "Wall time": "17.6\N{NO-BREAK SPACE}s / 50.1\N{NO-BREAK SPACE}s"}
    page = reader.open_page(render_page(Document("Comparison", "", tiles, [Section("Figures", [table])])))
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    for cell in page.locator("tbody th, tbody td:last-child").all():
        assert cell.evaluate("cell => cell.offsetWidth") > 90


@pytest.mark.parametrize("component_count", [1, 2])
def test_few_components_are_drawn_as_one_plot(reader, component_count):
    page = reader.open(example_report(component_count=component_count))
    expect(page.locator(".plane")).to_have_count(1)
    expect(page.locator(".plane .scatterlayer .point")).to_have_count(12)


def test_a_report_of_nothing_opens(reader):
    page = reader.open(without_reduction(example_report()))
    expect(page.get_by_text("there are no planes to show")).to_be_visible()


def test_the_page_prints(reader):
    """All sections, with the charts in dark ink also when the screen is dark."""
    page = reader.open(example_report())
    page.emulate_media(color_scheme="dark")
    assert page.pdf(format="A4").startswith(b"%PDF")
