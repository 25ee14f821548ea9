"""docs/deployment.md says what the code does."""

import re
from pathlib import Path

import pytest

from infra.config.context import field_rows
from infra.config.deployment import STAGE_DEFAULTS, DeploymentConfig
from infra.errors import ConfigError

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "deployment.md").read_text()


def test_every_field_is_in_the_table_as_the_code_has_it() -> None:
    """Field, default and what is allowed: the document holds what `fruit fields` prints."""
    rows = field_rows(DeploymentConfig, STAGE_DEFAULTS)
    assert "\n".join(rows) in DOCUMENT
    assert len(rows) == 2 + len(DeploymentConfig.model_fields)
    assert all(row.count("|") == 5 for row in rows)


def test_every_field_says_what_it_is() -> None:
    """No field without a description."""
    assert [name for name, field in DeploymentConfig.model_fields.items() if not field.description] == []


def test_the_targets_of_the_document_exist() -> None:
    """Each `make …` in the document is a target of the Makefile with help."""
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", DOCUMENT))
    assert {"synth", "plan", "diff", "deploy", "destroy"} <= named <= targets


def test_the_error_that_the_document_shows_is_the_real_one() -> None:
    """The example of an error is what the configuration answers."""
    with pytest.raises(ConfigError) as caught:
        DeploymentConfig.from_context({"core_minimum": "1"})
    assert f"`Error: {caught.value}`" in DOCUMENT
