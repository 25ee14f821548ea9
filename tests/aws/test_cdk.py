"""How CDK's command line is called: on a synthesised folder, with the environment's own Node."""

import pytest

from operate import cdk
from operate.errors import OperateError


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A CDK that writes down what it was called with, and fails when told to."""
    path = tmp_path / "cdk.js"
    path.write_text(
        "require('fs').writeFileSync(__dirname + '/called', process.argv.slice(2).join('\\n'));"
        "process.exit(process.argv.includes('--fail') ? 3 : 0)"
    )
    monkeypatch.setattr(cdk, "PROGRAM", path)
    (tmp_path / "manifest.json").write_text("{}")
    return tmp_path


def test_it_is_called_on_the_folder_and_asks_nobody_else(program):
    """No notices: they come from another host."""
    cdk.run_cdk("destroy", program, ["--all"])
    assert (program / "called").read_text().split("\n") == [
        *("destroy", "--all", f"--app={program}", "--no-notices", "--no-color")
    ]


def test_its_failure_is_an_error(program):
    """The exit code is told; CDK's own words are on the terminal."""
    with pytest.raises(OperateError, match="cdk deploy failed with exit code 3"):
        cdk.run_cdk("deploy", program, ["--fail"])


def test_without_a_synthesised_folder_nothing_is_called(program, tmp_path):
    """The message says what makes it."""
    with pytest.raises(OperateError, match="`make synth` makes them"):
        cdk.run_cdk("deploy", tmp_path / "none", [])
    assert not (program / "called").exists()
