"""The order of a rehearsal's steps, and what happens when one of them fails."""

import pytest

from rehearsal.errors import RehearsalError
from rehearsal.full_run.deployment import rehearse
from tests.doubles import Double

ALL = [
    "examine_account",
    "deploy_storage",
    "upload_photographs",
    "run_pipeline",
    "close",
    "report",
    "probe",
    "then",
    "take_down",
    "report_permissions",
]


class Recorder(Double):
    """Steps that note their names; those in `failing` fail."""

    def __init__(self):
        self.events, self.lines, self.failing, self.synthesised = [], [], set(), True

    def __getattr__(self, name):
        return lambda: self.note(name)

    def note(self, name):
        self.events.append(name)
        if name in self.failing:
            raise RehearsalError(f"{name} went wrong")

    def has_templates(self):
        return self.synthesised

    def take_down(self):
        self.note("take_down")
        return ["stays: nothing"]

    def as_submitter(self):
        return "submitter"

    def rehearse(self, *, keep=False):
        def then(connection):
            assert connection == "submitter"
            self.note("then")

        rehearse(self, keep=keep, say=self.lines.append, then=then)


@pytest.fixture
def steps():
    return Recorder()


def test_images_are_uploaded_between_storage_and_pipeline(steps):
    """And everything is taken away at the end, which is printed."""
    steps.rehearse()
    assert steps.events == ALL
    assert steps.lines == ["stays: nothing"]


def test_a_kept_rehearsal_is_not_taken_away(steps):
    """All the rest is the same."""
    steps.rehearse(keep=True)
    assert steps.events == [name for name in ALL if name != "take_down"]


@pytest.mark.parametrize("failing", [name for name in ALL[:-2] if name != "close"])
def test_after_a_failure_the_stacks_are_taken_away_and_the_failure_is_what_is_raised(steps, failing):
    """Whichever step before the end it is, nothing after it happens but the clean-up."""
    steps.failing = {failing}
    with pytest.raises(RehearsalError, match=f"{failing} went wrong"):
        steps.rehearse()
    before = ALL[: ALL.index(failing) + 1]
    assert steps.events == [*before, *([] if "close" in before else ["close"]), "take_down"]


def test_a_destroy_that_fails_is_a_failure(steps):
    """Something may be left."""
    steps.failing = {"take_down"}
    with pytest.raises(RehearsalError, match="take_down went wrong"):
        steps.rehearse()


def test_a_clean_up_that_fails_hides_no_failure(steps):
    """It is printed, and the first failure is raised."""
    steps.failing = {"run_pipeline", "take_down"}
    with pytest.raises(RehearsalError, match="run_pipeline went wrong"):
        steps.rehearse()
    assert steps.lines == ["the clean-up failed as well: take_down went wrong"]


def test_without_templates_there_is_nothing_to_take_away(steps):
    """Synthesis itself failed: CDK could not be asked."""
    steps.failing, steps.synthesised = {"examine_account"}, False
    with pytest.raises(RehearsalError, match="examine_account went wrong"):
        steps.rehearse()
    assert steps.events == ["examine_account", "close"]
