"""docs/privacy.md tells of what the code writes, and of nothing else."""

import ast

from infra.checkout import ROOT
from infra.contract import prefixes
from spark_job.contract import run_layout
from tests.documented_files import PRIVACY, described, without_row


def test_every_row_is_a_file_that_the_job_names() -> None:
    """A file that is no longer written has no row."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "spark_job").rglob("*.py")]
    nodes = (node for tree in trees for node in ast.walk(tree))
    texts = {str(node.value) for node in nodes if isinstance(node, ast.Constant)}
    named = {text.strip("/") for text in texts} | {text.partition("/")[0] for text in texts}
    rows = {name.strip("/").removeprefix("report/") for name in described() if "*" not in name}
    assert len(rows) > 20
    assert rows - named == set()


def test_every_file_of_a_run_and_every_place_of_a_deployment_has_a_row() -> None:
    """Whatever the layout of a run names, and each prefix in the buckets; tests of runs look at the rest."""
    names = [value for name, value in vars(run_layout).items() if name.isupper()]
    files = [name if "." in name else f"{name}/part" for name in names if name != run_layout.REPORT]
    assert without_row(files) == []
    assert without_row(["report/new.csv", "new/part.parquet"]) == ["report/new.csv", "new/part.parquet"]
    places = [value for name, value in vars(prefixes).items() if name.isupper()]
    assert [place for place in places if f"`{place}/" not in PRIVACY] == []
