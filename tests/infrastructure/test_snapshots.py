"""Templates are as they were: a changed one shows in review, and no synth differs from the one before."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.infrastructure.synthesis import STAGES

ROOT = Path(__file__).parents[2]
SNAPSHOTS = Path(__file__).parent / "snapshots"
CASES = [(stage, part) for stage in STAGES for part in ("storage", "monitoring", "pipeline")]

SYNTH = """
import json
from tests.infrastructure.synthesis import STAGES, synthesise
found = {}
for stage in STAGES:
    stacks = synthesise(stage=stage)
    found[stage] = {part: stacks.text(part) for part in stacks.files}
print(json.dumps(found))
"""


def normalised(stacks, part: str) -> str:
    """Return the template without what changes with each line of code: hashes of assets, and the run's id."""
    text = json.dumps(stacks.json(part))
    if run_id := stacks.outputs(part).get("RunId", {}).get("Value"):
        digest = run_id.rpartition("-")[2]
        # Logical ids hold it too, and end in a hash over it.
        text = re.sub(rf"{digest}(\w*?)[0-9A-F]{{8}}\b|{digest}", r"RUN\1", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "HASH", text)
    template = json.loads(text, object_hook=_with_sorted_resources)
    return json.dumps(template, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _with_sorted_resources(part: dict[str, Any]) -> dict[str, Any]:
    """Sort the resources of a policy: their order means nothing, and CDK sorts them by assets' hashes."""
    if isinstance(part.get("Resource"), list):
        part["Resource"].sort(key=json.dumps)
    return part


@pytest.mark.parametrize(("stage", "part"), CASES)
def test_the_template_is_the_recorded_one(stage, part, templates) -> None:
    """After a change that is meant: `make snapshots`, and the difference is part of the review."""
    path = SNAPSHOTS / f"{stage}-{part}.json"
    template = normalised(templates(stage), part)
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(template)
    assert path.is_file(), f"no snapshot {path.name}: make snapshots"
    assert template == path.read_text(), f"{path.name} differs: if that is meant, make snapshots"


def test_snapshots_are_of_the_stacks_there_are() -> None:
    """One file a stack and stage, and none of a stack that is gone."""
    assert {path.stem for path in SNAPSHOTS.glob("*")} == {f"{stage}-{part}" for stage, part in CASES}


def test_two_synths_give_the_same_bytes(dev, prod) -> None:
    """Another process, where sets of strings have another order, writes the same templates."""
    second = subprocess.run(
        [sys.executable, "-c", SYNTH],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "4242", "TZ": "Pacific/Auckland"},
        capture_output=True,
        text=True,
        check=True,
    )
    first = {"dev": dev, "prod": prod}
    assert json.loads(second.stdout) == {
        stage: {part: stacks.text(part) for part in stacks.files} for stage, stacks in first.items()
    }
