"""docs/privacy.md tells of what the code writes, and of nothing else."""

import ast

from infra.checkout import ROOT
from infra.contract import prefixes
from spark_job.commands.tables import with_tables
from spark_job.contract import run_layout
from tests.run_files import without_row

PRIVACY = (ROOT / "docs" / "privacy.md").read_text()


def test_the_table_is_written_by_the_code() -> None:
    """`python -m spark_job tables docs/privacy.md` writes it."""
    assert with_tables(PRIVACY) == PRIVACY


def test_every_name_of_the_layout_has_a_row_and_is_used() -> None:
    """Whatever the layout of a run names; tests of runs look at what is written."""
    names = {name: value for name, value in vars(run_layout).items() if name.isupper()}
    in_report = (run_layout.PROJECTOR_VECTORS, run_layout.PROJECTOR_NAMES)
    layout = {name: value for name, value in names.items() if name not in ("REPORT", "PERSONAL_DATA")}
    files = [f"report/{value}" if value in in_report else value for value in layout.values()]
    assert without_row([name if "." in name else f"{name}/part" for name in files]) == []
    assert without_row(["report/new.csv", "new/part.parquet"]) == ["report/new.csv", "new/part.parquet"]
    assert layout.keys() - names_used() == set()


def names_used() -> set[str]:
    """Names of the layout that the job takes from it: a file that is no longer written has no row."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "spark_job").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    imported = {
        alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module == run_layout.__name__
        for alias in node.names
    }
    taken = (node for node in nodes if isinstance(node, ast.Attribute))
    return imported | {node.attr for node in taken if ast.unparse(node.value) == "layout"}


def test_every_place_of_a_deployment_has_a_row() -> None:
    """Each prefix in the buckets."""
    places = [value for name, value in vars(prefixes).items() if name.isupper()]
    assert [place for place in places if f"`{place}/" not in PRIVACY] == []
