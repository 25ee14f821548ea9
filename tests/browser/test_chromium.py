"""Which browser the tests take."""

import pytest

from tests.browser import chromium
from tests.browser.chromium import NoChromiumError, find_chromium


@pytest.fixture
def nothing_installed(monkeypatch, tmp_path):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(chromium, "PACKAGE", tmp_path / "node_modules")
    return tmp_path


def _program(path):
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_without_a_browser_the_message_says_how_to_get_one(nothing_installed):
    with pytest.raises(NoChromiumError, match="run `make test`"):
        find_chromium()


def test_a_named_browser_comes_first(nothing_installed, monkeypatch):
    _program(nothing_installed / "chromium")
    named = _program(nothing_installed / "mine")
    monkeypatch.setenv("CHROMIUM", named)
    assert find_chromium().executable == named


def test_a_named_browser_must_exist(nothing_installed, monkeypatch):
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(NoChromiumError, match="is not a program"):
        find_chromium()


def test_an_installed_browser_is_found_on_the_path(nothing_installed):
    installed = _program(nothing_installed / "google-chrome-stable")
    assert find_chromium().executable == installed
