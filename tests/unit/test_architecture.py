"""Imports run one way through the packages."""

import ast
from pathlib import Path

import spark_job

ROOT = Path(spark_job.__file__).parent
# Each may import those before it.
ORDER = [
    "errors",
    "storage",
    "arrow_arrays",
    "parts",
    "session",
    "class_archive",
    "extractors",
    "images",
    "features",
    "reduction",
    "python_daemon",
    "report",
    "pipeline",
    "analyses",
    "commands",
    "command_line",
    "main",
    "__main__",
]


def part_of(path: Path) -> str:
    relative = path.relative_to(ROOT)
    return relative.parts[0].removesuffix(".py")


def imported_parts(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("spark_job."):
            names.add(str(node.module).split(".")[1])
    return names


def test_imports_follow_the_flow_of_data() -> None:
    """extractors, images, features, reduction, report, pipeline: none imports one that comes after it."""
    sources = [path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py"]
    against = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources
        for name in imported_parts(path)
        if ORDER.index(name) > ORDER.index(part_of(path))
    ]
    assert len(sources) > 20
    assert against == []


def test_the_job_knows_neither_cdk_nor_boto3() -> None:
    """What runs on the cluster needs neither the stacks' library nor the AWS SDK."""
    text = "".join(path.read_text() for path in ROOT.rglob("*.py"))
    assert "import boto3" not in text
    assert "aws_cdk" not in text
