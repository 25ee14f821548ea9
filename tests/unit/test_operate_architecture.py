"""No import of `operate` starts Node or Spark, and only its edge prints, exits or reads the environment."""

import ast
import subprocess
import sys
from pathlib import Path

import operate

ROOT = Path(operate.__file__).parent
# Only these print or exit; a log is printed line by line, as it comes.
EDGES = {"command_line.py", "printing.py", "logs.py"}


def sources(root: Path = ROOT) -> list[Path]:
    return [path for path in root.rglob("*.py") if path != root / "__init__.py"]


def test_no_command_starts_node() -> None:
    """The stacks' library takes seconds to load: of infra, only modules without it are imported."""
    modules = ",".join(
        ".".join(("operate", *path.relative_to(ROOT).with_suffix("").parts))
        for path in sources()
        if path.stem not in ("__main__", "__init__")
    )
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
