"""Only the outermost modules of `infra` read the environment, print and exit."""

import ast
from pathlib import Path

import infra

ROOT = Path(infra.__file__).parent
# They stand at the edge: app.py and command lines.
EDGES = {"command_line.py", "__main__.py"}


def sources() -> list[Path]:
    # `lambda` code runs in AWS by itself: it reads its own environment and imports nothing of infra.
    return [
        path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py" and "handler" not in path.stem
    ]


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def reads_surroundings(path: Path) -> bool:
    tree = ast.parse(path.read_text())
    return any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in {("os", "environ"), ("os", "getenv"), ("sys", "argv")}
        for node in ast.walk(tree)
    ) or any(name in imports(path) for name in ("os.environ", "os.getenv", "sys.argv"))


def test_only_app_and_command_lines_read_the_environment() -> None:
    """Everything below them gets values: no os.environ, no sys.argv."""
    readers = {str(path.relative_to(ROOT)) for path in sources() if reads_surroundings(path)}
    assert {reader for reader in readers if Path(reader).name not in EDGES} == set()


def test_only_command_lines_print_and_exit() -> None:
    """Library code raises: no print, no sys.exit below app.py and the command lines."""
    found = {
        str(path.relative_to(ROOT))
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "sys.exit", "exit"}
    }
    assert {name for name in found if Path(name).name not in EDGES} == set()
