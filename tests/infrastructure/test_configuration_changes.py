"""docs/changes.md says what a change of each field does."""

import os

import pytest

from infra.checkout import ROOT
from infra.config.deployment import DeploymentConfig
from tests.infrastructure.configuration_changes import changes

DOCUMENT = ROOT / "docs" / "changes.md"
HEADING = "|---|---|---|---|---|\n"


def test_every_field_has_its_row() -> None:
    """But for the stage: another one is another deployment."""
    rows = DOCUMENT.read_text().partition(HEADING)[2].splitlines()
    fields = [row.split("`")[1] for row in rows]
    assert fields == [field for field in DeploymentConfig.model_fields if field != "stage"]


@pytest.mark.long
def test_the_table_is_what_templates_and_schemas_say() -> None:
    """After a change that is meant: `make snapshots`. No change of a field touches the cluster in place."""
    found = list(changes())
    assert [change.field for change in found if change.refused_by_emr] == []
    before, _, rows = DOCUMENT.read_text().partition(HEADING)
    table = "".join(f"{change.row}\n" for change in found)
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        DOCUMENT.write_text(before + HEADING + table)
    else:
        assert rows == table
