"""Imports run one way through the stacks, and only the outermost modules read the environment."""

import ast
from pathlib import Path

import infra

ROOT = Path(infra.__file__).parent
# Each may import those before it: data, configuration, names, constructs, stacks, what puts them together.
ORDER = (
    ("errors", "field_types", "instances"),
    ("prices", "field_reference"),
    ("fleets", "context", "sizing"),
    ("cost",),
    ("config_checks",),
    ("config",),
    ("naming", "acknowledgements", "log_groups"),
    ("python_function",),
    ("outputs",),
    ("artifacts",),
    ("storage", "notifications", "network"),
    ("access",),
    ("cluster", "observability", "run"),
    ("stacks",),
    ("plan", "next_steps", "application"),
    ("command_line",),
    ("__main__",),
)
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}
# They stand at the edge: app.py and command lines.
EDGES = {"command_line.py", "__main__.py"}


def sources() -> list[Path]:
    # `lambda` code runs in AWS by itself: it reads its own environment and imports nothing of infra.
    return [
        path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py" and "handler" not in path.stem
    ]


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def is_type_checking_only(path: Path, name: str) -> bool:
    return f"if TYPE_CHECKING:\n    from {name.rpartition('.')[0]} import" in path.read_text()


def test_imports_run_from_configuration_to_application() -> None:
    """errors, data, config, constructs, stacks, application: none imports one that comes after it."""
    assert len(sources()) > 20
    unknown = {part_of(path) for path in sources()} - set(LEVEL)
    assert unknown == set()
    against = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources()
        for name in imports(path)
        if path.name not in EDGES
        and name.startswith("infra.")
        and not is_type_checking_only(path, name)
        and LEVEL[name.split(".")[1]] > LEVEL[part_of(path)]
    ]
    assert against == []


def test_the_stacks_and_the_job_do_not_know_each_other() -> None:
    """What they share is the step's arguments, not code."""
    root = ROOT.parent
    job = [
        path
        for path in (root / "spark_job").rglob("*.py")
        if any(n.startswith("infra") for n in imports(path))
    ]
    ours = [path for path in sources() if any(n.startswith("spark_job") for n in imports(path))]
    assert (job, ours) == ([], [])


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


def test_files_are_short() -> None:
    """A file below 150 lines can be read at once."""
    long = {str(path.relative_to(ROOT)) for path in sources() if len(path.read_text().splitlines()) >= 150}
    assert long == set()
