"""Imports of `operate` run one way, and none starts Node or Spark."""

import ast
import subprocess
import sys
from pathlib import Path

import infra
import operate

ROOT = Path(operate.__file__).parent
# Only these print or exit; a log is printed line by line, as it comes.
EDGES = {"command_line.py", "printing.py", "logs.py"}


def sources(root: Path = ROOT) -> list[Path]:
    return [path for path in root.rglob("*.py") if path != root / "__init__.py"]


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def of(package: str, path: Path) -> set[str]:
    return {name for name in imports(path) if name.split(".")[0] == package}


def test_no_two_modules_import_each_other() -> None:
    """What a module needs stands before it: the imports have an order."""
    assert len(sources()) > 20
    waiting = {
        path.stem: {name.split(".")[1] for name in of("operate", path)} - {path.stem} for path in sources()
    }
    while free := {name for name, needed in waiting.items() if not needed & set(waiting)}:
        waiting = {name: needed for name, needed in waiting.items() if name not in free}
    assert waiting == {}


def test_the_job_and_the_stacks_do_not_know_who_operates_them() -> None:
    """operate reads their contracts; neither imports operate, and operate never the job."""
    spark_job = ROOT.parent / "spark_job"
    others = [*sources(Path(infra.__file__).parent), *sources(spark_job)]
    assert [str(path) for path in others if of("operate", path)] == []
    assert [path.name for path in sources() if of("spark_job", path)] == []


def test_no_command_starts_node() -> None:
    """The stacks' library takes seconds to load: of infra, only modules without it are imported."""
    modules = ",".join(f"operate.{path.stem}" for path in sources() if path.stem != "__main__")
    code = f"import sys, {modules}; print([m for m in sys.modules if m in ('aws_cdk', 'jsii', 'pyspark')])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT.parent, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


def test_only_the_edge_prints_and_exits() -> None:
    """Library code raises: no print, no sys.exit but in those that are there for it."""
    found = {
        path.name
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "sys.exit", "exit"}
    }
    assert found <= EDGES


def test_nothing_reads_the_environment() -> None:
    """Credentials and endpoint are boto3's business; the rest comes as arguments."""
    text = {path.name: path.read_text() for path in sources()}
    assert [name for name, code in text.items() if "os.environ" in code or "getenv" in code] == []


def test_files_and_functions_are_short() -> None:
    """A file of fewer than 150 lines can be read at once."""
    assert [path.name for path in sources() if len(path.read_text().splitlines()) >= 150] == []
