"""What makes a new run, and what a new run leaves alone."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infrastructure.synthesis import synthesise

ROOT = Path(__file__).parents[2]
CHECKOUT = ("infra", "spark_job", "bootstrap")
SYNTH = """
import json
from pathlib import Path
from infra.application import build_app
folder = Path(build_app({"stage": "dev"}).synth().directory)
print(json.dumps({path.name.split(".")[0].rsplit("-", 1)[1]: json.loads(path.read_text())
                  for path in folder.glob("*.template.json")}))
"""


def checkout(folder: Path) -> Path:
    """A copy of what the stacks are made from."""
    ignore = shutil.ignore_patterns("__pycache__")
    for name in CHECKOUT:
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for path in [ROOT / "cdk.json", *ROOT.glob("requirements*"), *ROOT.glob("pyproject.toml")]:
        shutil.copy(path, folder / path.name)
    return folder


def synth_in(folder: Path) -> dict[str, dict]:
    """Part to template, synthesised by the code of that folder."""
    done = subprocess.run(
        [sys.executable, "-c", SYNTH],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    templates: dict[str, dict] = json.loads(done.stdout)
    return templates


def run_id(templates: dict[str, dict]) -> str:
    value: str = templates["pipeline"]["Outputs"]["RunId"]["Value"]
    return value


def test_one_changed_line_of_the_job_makes_a_new_run_and_touches_no_data(tmp_path) -> None:
    """The pipeline runs again under another id; storage and monitoring have nothing to deploy."""
    folder = checkout(tmp_path)
    before = synth_in(folder)
    with (folder / "spark_job" / "reduction" / "fitting.py").open("a") as job:
        job.write("# one more line\n")
    after = synth_in(folder)
    assert run_id(after) != run_id(before)
    assert after["pipeline"] != before["pipeline"]
    assert after["storage"] == before["storage"]
    assert after["monitoring"] == before["monitoring"]


@pytest.mark.parametrize("change", [{"run": "again"}, {"variance": 0.9}])
def test_a_name_or_a_parameter_makes_a_new_run_and_touches_no_data(change, dev) -> None:
    """`-c run=NAME` runs the same once more; a parameter that changes results cannot keep the id."""
    changed = synthesise(stage="dev", **change)
    assert changed.outputs("pipeline")["RunId"] != dev.outputs("pipeline")["RunId"]
    assert changed.json("storage") == dev.json("storage")


def test_what_changes_no_result_keeps_the_run(dev) -> None:
    """Another budget or another retention is no reason to compute everything anew."""
    changed = synthesise(stage="dev", monthly_budget_usd=70, log_retention_days=30)
    assert changed.outputs("pipeline")["RunId"] == dev.outputs("pipeline")["RunId"]


def test_the_run_id_is_the_same_in_step_wait_and_output(stage) -> None:
    """One name in the step, in the rule that hears of its end, and in the ids of the wait."""
    run = stage.outputs("pipeline")["RunId"]["Value"]
    cluster = json.dumps(stage.resources("pipeline", "AWS::EMR::Cluster"))
    assert f"--run-id={run}" in cluster
    rules = json.dumps(stage.resources("pipeline", "AWS::Events::Rule"))
    assert run in rules
    digest = run.rsplit("-", 1)[-1]
    for kind in ("AWS::CloudFormation::WaitCondition", "AWS::CloudFormation::WaitConditionHandle"):
        (name,) = stage.resources("pipeline", kind)
        assert digest in name
