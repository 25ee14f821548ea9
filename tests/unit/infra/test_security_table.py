"""docs/security.md answers every control, by tests that exist or by an acknowledged reason."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
CONTROLS = {
    *(f"EMR.{number}" for number in (1, 2, 3, 4)),
    *(f"CT.EMR.PR.{number}" for number in (1, 2, 3, 4)),
    *(f"S3.{number}" for number in (1, 2, 3, 5, 6, 8, 9, 12, 13)),
    *(f"EC2.{number}" for number in (2, 3, 6, 7, 8, 9, 10, 15, 18, 19, 21, 181)),
    *("IAM.1", "IAM.21", "KMS.1", "KMS.2", "KMS.3"),
}


def rows() -> dict[str, list[str]]:
    """Control to the other cells of its row."""
    lines = (ROOT / "docs" / "security.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {row[0]: row[1:] for row in cells if re.fullmatch(r"[A-Z][A-Z0-9.]*\.\d+", row[0])}


def functions_of_tests() -> set[str]:
    """Names of all tests of the stacks."""
    return {
        node.name
        for path in (ROOT / "tests" / "infrastructure").glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }


def test_every_control_has_its_row() -> None:
    """Those that the review names, each once."""
    assert set(rows()) == CONTROLS


def test_every_row_names_a_test_that_exists_or_says_why_not() -> None:
    """A renamed or deleted test would leave a promise with nothing behind it."""
    known = functions_of_tests()
    for control, (*_, answer) in rows().items():
        named = re.findall(r"`(test_\w+)`", answer)
        assert named or "acknowledged:" in answer, control
        assert set(named) <= known, f"{control}: {set(named) - known}"


def test_every_acknowledgement_gives_its_price_or_refers_to_one() -> None:
    """In dollars, as free, as work it would cost, or by the row that says so."""
    for control, (*_, answer) in rows().items():
        if "acknowledged" in answer:
            assert re.search(r"USD|free|needs|as in [A-Z]", answer), control


def test_every_row_says_what_is_asked_and_how_it_is_met() -> None:
    """No empty cell."""
    for control, cells in rows().items():
        assert len(cells) == 3, control
        assert all(cells), control
