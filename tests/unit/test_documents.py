"""The commands that documents show: each exists, takes its options, and runs where that is quick."""

import re
import shlex
import subprocess
import sys

import click
import pytest

from fruit.command_line import cli
from infra.checkout import ROOT

DOCUMENTS = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
PLACEHOLDER = re.compile(r"…|\[|\bCOMMAND\b")
INLINE = re.compile(r"`((?:make|fruit) [^`\n]+)`")
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
VARIABLES = set(re.findall(r"\b[A-Z][A-Z_]+\b", MAKEFILE))
# They take seconds, and need neither network nor account nor photographs.
# `make plan` runs `fruit plan`.
OFFLINE = ("make help", "make plan", "fruit --help", "fruit fields")


def shown(program: str) -> list[tuple[str, str]]:
    """Return (document, command) of every line of a block that calls the program, without its comment."""
    found = []
    for document, text in DOCUMENTS.items():
        for block in BLOCK.findall(text):
            for line in block.replace("\\\n", " ").splitlines():
                command = line.removeprefix("$ ").removeprefix(".venv/bin/").partition(" #")[0].strip()
                if command.startswith(f"{program} ") and not PLACEHOLDER.search(command):
                    found.append((document, command))
    return list(dict.fromkeys(found))


def words_of(command: str) -> list[str]:
    """Return what stands behind the program's name, up to a pipe or another command."""
    words = shlex.split(command)[1:]
    ends = [place for place, word in enumerate(words) if word in ("|", "&&", ";", ">")]
    return words[: min(ends, default=len(words))]


def test_the_readme_shows_commands() -> None:
    """They are found: an empty list would prove nothing."""
    assert sum(document == "README.md" for document, _ in [*shown("make"), *shown("fruit")]) > 5


@pytest.mark.parametrize(("document", "command"), shown("make"))
def test_make_knows_the_target_and_the_variables_that_are_shown(document: str, command: str) -> None:
    """Whoever copies the line gets no `No rule to make target`, and no variable is ignored in silence."""
    for word in words_of(command):
        name, is_variable, _ = word.partition("=")
        assert name in (VARIABLES if is_variable else TARGETS), f"{document}: {command}"


@pytest.mark.parametrize(("document", "command"), shown("fruit"))
def test_fruit_knows_the_command_and_the_options_that_are_shown(document: str, command: str) -> None:
    """The command's own parser takes the line; nothing is run."""
    found: click.Command | None = cli
    words = words_of(command)
    while isinstance(found, click.Group) and words and not words[0].startswith("-"):
        found = found.get_command(click.Context(found), words.pop(0))
    assert found is not None, f"{document}: {command}"
    found.make_parser(click.Context(found, resilient_parsing=True)).parse_args(words)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_named_in_a_sentence_exist(document: str) -> None:
    """`make NAME` and `fruit NAME`, wherever a document names them."""
    for command in INLINE.findall(DOCUMENTS[document]):
        program, name = command.split()[:2]
        if program == "make" and re.fullmatch(r"[a-z-]+", name):
            assert name in TARGETS, command
        elif program == "fruit" and re.fullmatch(r"[a-z-]+", name):
            assert cli.get_command(click.Context(cli), name) is not None, command


@pytest.mark.command
@pytest.mark.parametrize(
    "command",
    dict.fromkeys(line for program in ("make", "fruit") for _, line in shown(program) if line in OFFLINE),
)
def test_what_needs_nothing_runs(command: str) -> None:
    """To its end, with exit code 0, as it stands in a document."""
    program, *words = shlex.split(command)
    start = {
        # The environment that the tests run in is not set up anew under their feet.
        "make": ("make", "--old-file=.venv/bin/uv", "--old-file=.venv/.ready"),
        "fruit": (sys.executable, "-m", "fruit"),
    }[program]
    done = subprocess.run(
        [*start, *words], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.command
@pytest.mark.parametrize("module", ["benchmarks", "infra.artifacts", "spark_job"])
def test_what_make_starts_says_how_it_is_used(module: str) -> None:
    """Programs that are no part of `fruit` have help, too."""
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.lower().startswith("usage:")


@pytest.mark.parametrize("model", ["../docs", "..", "a/b"])
def test_make_removes_no_other_folder_than_an_extractor(model):
    """Whatever MODEL is called."""
    done = make("features", f"MODEL={model}", "IMAGES=photos")
    assert done.returncode == 2
    assert f"MODEL={model}: give the name of a network, not a folder" in done.stderr
    assert "rm -rf" not in done.stdout


def test_no_shell_takes_names_of_files_apart():
    """The recipes name variables of the environment, in quotes."""
    for target in ("features", "run", "tune", "deploy", "bench", "notebook"):
        recipe = make(
            target, "IMAGES=folder`id`", "RESULTS=folder`id`", "WEIGHTS=folder`id`", "RUN=folder`id`"
        )
        assert recipe.returncode == 0, recipe.stderr
        assert "folder`" not in recipe.stdout


def test_the_make_of_macos_is_given_nothing_that_it_does_not_know():
    """Version 3.81 has no `output-sync` among its features, and knows no `.ONESHELL`."""
    old = make("run", ".FEATURES=target-specific second-expansion")
    assert old.returncode == 0, old.stderr
    assert "--output-sync" not in old.stdout
    newer = r"^\.ONESHELL|\$\(file |^define \w+ *=|^\w+ *(!|::)="
    assert not re.search(newer, MAKEFILE, re.MULTILINE)


def make(target, *variables):
    """Say what make would do."""
    command = ["make", "--dry-run", target, *variables]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
