"""The command `fruit`: every command can be found, has help, and ends in one line and an exit code."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from fruit.command_line import EXTRACTOR, REHEARSE, SECTIONS, cli, main
from infra.checkout import ROOT
from infra.errors import ConfigError
from operate.errors import OperateError
from spark_job.command_line import run_command_line

COMMANDS = [
    *((name,) for section in SECTIONS.values() for name in section if name not in ("extractor", "rehearse")),
    *(("extractor", name) for name in EXTRACTOR),
    *(("rehearse", name) for name in REHEARSE),
]


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_every_command_has_help_that_ends_in_an_example(names: Sequence[str]) -> None:
    """Each option says what it means, and the example calls the command itself."""
    shown = CliRunner().invoke(cli, [*names, "--help"], prog_name="fruit")
    assert shown.exit_code == 0, shown.output
    assert f"Usage: fruit {' '.join(names)} [OPTIONS]" in shown.output
    example = rf"Example.*:\n( +.*\n)* +fruit {' '.join(names)}\b"
    assert re.search(example, shown.output), shown.output


def test_help_imports_none_of_the_commands() -> None:
    """It is shown in no time: neither the stacks' library nor boto3, Spark, NumPy or Pydantic is loaded."""
    code = (
        "import sys; sys.argv[1:] = ['--help']; from fruit.command_line import main\n"
        "main(); print([name for name in sys.modules if name in "
        "('boto3', 'pydantic', 'pyspark', 'numpy', 'aws_cdk', 'rich', 'operate', 'infra', 'rehearsal')])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert "deploy " in shown.stdout
    assert shown.stdout.endswith("[]\n")


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (OperateError("no such run"), "no such run", 1),
        (ConfigError("core_minimum", 1, "a whole number"), "core_minimum=1: a whole number", 2),
        (click.UsageError("No such option."), "No such option. See `fruit --help`", 2),
        (click.Abort(), "stopped", 130),
        (KeyboardInterrupt(), "stopped", 130),
        (click.exceptions.Exit(1), None, 1),
    ],
)
def test_every_error_is_one_line_and_an_exit_code(error, line, code, capsys) -> None:
    """Ours and Click's: 1 failure, 2 misuse, 130 stopped."""

    @click.command()
    def failing() -> None:
        raise error

    with pytest.raises(SystemExit) as end:
        run_command_line(failing, [], "fruit")
    assert end.value.code == code
    assert capsys.readouterr().err.strip() == ("" if line is None else f"Error: {line}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rusn"], "No such command 'rusn'. See `fruit --help`"),
        (["runs", "now"], "Got unexpected extra argument (now). See `fruit runs --help`"),
        (["rehearse", "rnu"], "No such command 'rnu'. See `fruit rehearse --help`"),
        (["run", "--no-such-option"], "No such option '--no-such-option'. See `fruit run --help`"),
        (
            ["run", "--resume", "--images=a", "--results=/no", "--extractor=e"],
            "--resume goes on with the run that --run-id names: add --run-id ID",
        ),
        (["plan", "-c", "core_minimum"], "-c=core_minimum: allowed: FIELD=VALUE"),
        (["doctor", "-c", "core_minimum=1"], "core_minimum=1: allowed: a whole number, 2 to 100"),
        (["rehearse", "run", "-c", "core_minimum=1"], "core_minimum=1: allowed: a whole number, 2 to 100"),
        (["doctor", "-c", "stage=prod"], "-c stage=prod: the stage is dev: --stage names another"),
    ],
)
def test_misuse_is_exit_code_2_wherever_it_happens(words, message, capsys) -> None:
    """One line, nothing on stdout."""
    with pytest.raises(SystemExit) as end:
        run_command_line(cli, words, "fruit")
    shown = capsys.readouterr()
    assert (end.value.code, shown.out, shown.err) == (2, "", f"Error: {message}\n")


def test_a_group_without_a_command_shows_its_help(capsys) -> None:
    """In lines, as `--help` does."""
    with pytest.raises(SystemExit, match="2"):
        run_command_line(cli, ["extractor"], "fruit")
    assert "\n  build " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "incomplete", "expected"),
    [
        ([], "de", ["deploy", "destroy"]),
        (["rehearse"], "s", ["serve", "set"]),
        (["status"], "--st", ["--stage"]),
        (["status", "--stage"], "p", ["prod"]),
    ],
)
def test_a_shell_completes_commands_options_and_values(words, incomplete, expected) -> None:
    """As Click's completion asks for them."""
    found = ShellComplete(cli, {}, "fruit", "_FRUIT_COMPLETE").get_completions(words, incomplete)
    assert [item.value for item in found] == expected


def test_the_shell_gets_its_completion_from_the_program_itself() -> None:
    """`_FRUIT_COMPLETE=bash_source fruit` prints what bash reads."""
    environment = {**os.environ, "_FRUIT_COMPLETE": "bash_source"}
    code = "from fruit.command_line import main; main()"
    shown = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert shown.returncode == 0
    assert "complete -o nosort" in shown.stdout


def test_a_home_folder_that_cannot_be_written_gets_no_caches(monkeypatch, capsys) -> None:
    """Neither from `fruit` nor from make: jsii and uv would end with a traceback."""
    monkeypatch.setattr("os.environ", {**os.environ, "HOME": "/nonexistent"})
    monkeypatch.setattr("sys.argv", ["fruit", "--version"])
    main()
    assert capsys.readouterr().out.startswith("fruit")
    assert (os.environ["JSII_RUNTIME_PACKAGE_CACHE"], os.environ["UV_NO_CACHE"]) == ("disabled", "1")
    rules = subprocess.run(
        ["make", "-np", "help"],
        cwd=ROOT,
        env={"HOME": "/nonexistent", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"UV_CACHE_DIR := {ROOT}/.cache" in rules.stdout
