"""docs/rehearsal.md says what the rehearsal prints."""

from dataclasses import asdict

from infra.checkout import ROOT
from rehearsal.demo.kinds import KINDS
from rehearsal.demo.photographs import VIEWS
from rehearsal.emr.conditions import Conditions
from rehearsal.what_is_real import what_is_real

DOCUMENT = (ROOT / "docs" / "rehearsal.md").read_text()


def test_what_is_real_stands_in_the_document_as_it_is_printed():
    """Its one source is the code: paste what `what_is_real()` returns."""
    assert what_is_real() in DOCUMENT


def test_the_document_counts_the_drawn_fruit():
    """Kinds, and views of each."""
    assert f"{len(KINDS)} kinds, {VIEWS} views of each" in DOCUMENT


def test_the_document_names_every_setting():
    """`fruit rehearse set` knows them."""
    assert [name for name in asdict(Conditions()) if f"`{name}`" not in DOCUMENT] == []
