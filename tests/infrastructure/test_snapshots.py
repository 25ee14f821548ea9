"""Templates are as they were: a changed one shows in review."""

import os
from pathlib import Path

import pytest

from tests.infrastructure.synthesis import STAGES, normalised

SNAPSHOTS = Path(__file__).parent / "snapshots"
CASES = [(stage, part) for stage in STAGES for part in ("storage", "monitoring", "pipeline")]


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
