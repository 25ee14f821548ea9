"""Fixtures: the stacks of both stages, synthesised once a session."""

import pytest

from tests.infrastructure.synthesis import STAGES, Synthesis, synthesise


@pytest.fixture(scope="session")
def templates():
    """`templates(stage)` is the Synthesis of that stage's defaults."""

    def of(stage: str) -> Synthesis:
        return synthesise(stage=stage)

    return of


@pytest.fixture(scope="session")
def dev(templates) -> Synthesis:
    """The stacks of `dev`."""
    return templates("dev")


@pytest.fixture(scope="session")
def prod(templates) -> Synthesis:
    """The stacks of `prod`."""
    return templates("prod")


@pytest.fixture(scope="session", params=STAGES)
def stage(request, templates) -> Synthesis:
    """Either stage's stacks; a test of what holds in both."""
    return templates(request.param)
