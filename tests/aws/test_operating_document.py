"""docs/operating.md: every command line in it is one that works."""

import re
import shlex
from pathlib import Path

import click
import pytest

from fruit.command_line import DEPLOYMENT, cli

TEXT = (Path(__file__).parent.parent.parent / "docs" / "operating.md").read_text()
START = "fruit "
COMMANDS = tuple(name for name in DEPLOYMENT if name != "fields")
LINES = [line for line in TEXT.splitlines() if line.startswith(START) and "COMMAND" not in line]


@pytest.mark.parametrize("line", LINES)
def test_a_command_line_of_the_document_is_understood(line, tmp_path, monkeypatch):
    """Options and arguments are those of the command; nothing is run."""
    monkeypatch.chdir(tmp_path)
    for folder in ("photographs", "summer"):
        (tmp_path / folder).mkdir()
    words = shlex.split(line.removeprefix(START))
    command = cli.get_command(click.Context(cli), words[0])
    assert command is not None
    assert command.make_context(words[0], words[1:]).params


def test_every_command_is_in_the_document():
    """In the table, in the order of the help."""
    assert tuple(re.findall(r"^\| `([a-z]+)[^`]*` \|", TEXT, re.M))[: len(COMMANDS)] == COMMANDS


def test_there_are_examples_of_every_command():
    """Each in a line of its own."""
    assert {name for line in LINES for name in COMMANDS if name in line.split()} == set(COMMANDS)
