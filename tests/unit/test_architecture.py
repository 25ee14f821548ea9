"""Imports run one way, through the packages and inside each; only the edge prints, exits or asks around."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from infra.checkout import ROOT

# Each package may import those that are named: the job's contract is free for all of them.
PACKAGES: dict[str, tuple[str, ...]] = {
    "spark_job": (),
    "infra": ("spark_job.contract",),
    "operate": ("spark_job.contract", "infra"),
    "rehearsal": ("spark_job.contract", "infra", "operate"),
    "fruit": ("spark_job", "infra", "operate", "rehearsal"),
    "benchmarks": ("spark_job", "infra", "rehearsal"),
}
# Inside a package each part may import those on its own line and on the lines before it.
ORDER: dict[str, tuple[str, ...]] = {
    "spark_job": (
        "contract",
        "errors",
        "storage arrow_tables session class_archive provenance",
        "extractors",
        "images",
        "features",
        "reduction",
        "python_daemon report",
        "pipeline",
        "analyses erasure",
        "commands",
        "command_line",
        "main __main__",
    ),
    "infra": (
        "errors checkout contract",
        "config costs",
        "acknowledgements log_groups",
        "artifacts",
        "storage network",
        "access",
        "python_function",
        "cluster observability run",
        "launch",
        "stacks",
        "application",
    ),
    "rehearsal": (
        "errors",
        "settings processes rewriting what_is_real asking",
        "demo emr",
        "machine emulator",
        "clusters permissions_report",
        "full_run",
        "commands",
    ),
    "rehearsal.emr": (
        "errors conditions compute",
        "parts",
        "cluster",
        "protocol events",
        "life",
        "operations",
        "service",
    ),
}
# Library code returns values and raises. Only these print and exit; a log is printed as it comes.
PRINTERS: dict[str, tuple[str, ...]] = {
    "infra": ("infra.artifacts.__main__",),
    "operate": ("operate.printing", "operate.commands.logs"),
}
# Only these read the environment or the program's arguments; credentials are boto3's business.
READERS: dict[str, tuple[str, ...]] = {"infra": PRINTERS["infra"], "operate": ()}
# Rooms are read at a glance.
MOST_MODULES = 15


def modules(package: str) -> Iterator[Path]:
    folder = ROOT.joinpath(*package.split("."))
    return (path for path in sorted(folder.rglob("*.py")) if "functions" not in path.parts)


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imported(path: Path) -> frozenset[str]:
    """Return every module of this project that the file imports, anywhere in it, TYPE_CHECKING included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written whole"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                names.add(full if is_module(full) else str(node.module))
    return frozenset(name for name in names if name.partition(".")[0] in PACKAGES)


def is_module(name: str) -> bool:
    place = ROOT.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_one_way(package: str) -> None:
    """The job knows nobody; stacks, operating and rehearsal know its contract and those before them."""
    allowed = (package, *PACKAGES[package])
    paths = list(modules(package))
    against = [
        f"{name_of(path)} imports {name}"
        for path in paths
        for name in imported(path)
        if not any(below(name, each) for each in allowed)
    ]
    assert paths
    assert against == []


def test_the_contract_needs_the_standard_library_alone() -> None:
    """Every package may import it: it brings neither Spark nor Click, nor any other part of the job."""
    against = []
    for path in (ROOT / "spark_job" / "contract").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            against += [
                f"{path.name} imports {name}"
                for name in names
                if name.partition(".")[0] not in sys.stdlib_module_names
                and not below(name, "spark_job.contract")
            ]
    assert against == []


@pytest.mark.parametrize("package", ORDER)
def test_parts_of_a_package_import_one_way(package: str) -> None:
    """Data, configuration, constructs, stacks, application; images, features, reduction, report, pipeline."""
    level = {name: place for place, names in enumerate(ORDER[package]) for name in names.split()}

    def part(name: str) -> str:
        return name.removeprefix(f"{package}.").split(".")[0]

    paths = [path for path in modules(package) if name_of(path) != package]
    assert {part(name_of(path)) for path in paths} == set(level)
    against = [
        f"{name_of(path)} imports {name}"
        for path in paths
        for name in imported(path)
        if below(name, package) and name != package and level[part(name)] > level[part(name_of(path))]
    ]
    assert against == []


@pytest.mark.parametrize("package", PACKAGES)
def test_modules_import_in_no_circle(package: str) -> None:
    """Those who have nothing to wait for come first; nobody is left."""
    waiting = {name_of(path): set(imported(path)) - {name_of(path)} for path in modules(package)}
    while free := {name for name, needed in waiting.items() if not needed & set(waiting)}:
        waiting = {name: needed for name, needed in waiting.items() if name not in free}
    assert waiting == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_rooms_are_of_a_comfortable_size(package: str) -> None:
    """A folder holds at most fifteen modules."""
    count: dict[str, int] = {}
    for path in modules(package):
        if path.name != "__init__.py":
            room = str(path.parent.relative_to(ROOT))
            count[room] = count.get(room, 0) + 1
    crowded = {room for room, number in count.items() if number > MOST_MODULES}
    assert crowded == set()


def test_the_job_knows_no_cdk_and_loads_boto3_where_it_is_asked_alone() -> None:
    """The AWS SDK takes half a second to import, which workers would pay."""
    text = "".join(path.read_text() for path in modules("spark_job"))
    assert not re.search(r"^(import|from) (boto3|botocore|obstore\.auth)", text, re.MULTILINE)
    assert "aws_cdk" not in text


def users(package: str, *names: str) -> set[str]:
    """Return the modules that call or read one of these, or import it from its module."""
    found = set()
    for path in modules(package):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                used = {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Call):
                used = {ast.unparse(node.func)}
            else:
                used = {ast.unparse(node)} if isinstance(node, ast.Attribute) else set()
            if used & {*names}:
                found.add(name_of(path))
    return found


@pytest.mark.parametrize("package", PRINTERS)
def test_only_the_edge_prints_and_exits(package: str) -> None:
    """No print and no exit in library code."""
    assert users(package, "print", "exit", "sys.exit") <= set(PRINTERS[package])


@pytest.mark.parametrize("package", READERS)
def test_only_the_edge_reads_environment_and_arguments(package: str) -> None:
    """Everything below gets values."""
    assert users(package, "os.environ", "os.getenv", "sys.argv") <= set(READERS[package])


@pytest.mark.command
def test_operate_starts_neither_node_nor_spark() -> None:
    """The stacks' library takes seconds to load: of infra, operate imports only modules without it."""
    names = ",".join(name_of(path) for path in modules("operate") if path.stem != "__main__")
    code = f"import sys, {names}; print([m for m in sys.modules if m in ('aws_cdk', 'jsii', 'pyspark')])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
