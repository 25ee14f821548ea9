"""The order of events, and what happens when one of them fails; the events themselves are stand-ins."""

from pathlib import Path

import pytest

from infra.config.deployment import DeploymentConfig
from rehearsal.errors import RehearsalError
from rehearsal.full_run import start_to_end as performance
from rehearsal.full_run.request import Request
from rehearsal.full_run.start_to_end import Performance
from rehearsal.full_run.timeline import Timeline

ALL = ["doctor", "deploy storage monitoring", "upload", "artifacts", "pipeline", "close", "tell", "destroy"]


class Stage:
    """Notes each event in `events`; the one named `failing` fails."""

    def __init__(self, monkeypatch, tmp_path, *, keep=False):
        self.events, self.lines, self.failing = [], [], ""
        request = Request("dev", (), None, tmp_path / "results", keep, tmp_path)
        request.assembly.mkdir()
        (request.assembly / "manifest.json").write_text("{}")
        for target, name in (
            ("event_sequence.examine_account", "doctor"),
            ("event_sequence.upload_photographs", "upload"),
            ("event_sequence.run_pipeline", "pipeline"),
            ("ending.take_down", "destroy"),
        ):
            monkeypatch.setattr(f"rehearsal.full_run.{target}", self.event(name, ["stays: nothing"]))
        monkeypatch.setattr(
            "rehearsal.full_run.cdk_commands.deploy",
            lambda _, __, *parts: self.note(f"deploy {' '.join(parts)}"),
        )
        monkeypatch.setattr(Performance, "_tell_of_the_run", self.event("tell"))
        monkeypatch.setattr(performance.event_sequence, "Preparation", lambda *_: self)
        self.performance = Performance(
            request, DeploymentConfig(), Timeline(self.lines.append), self.lines.append
        )

    def event(self, name, answer=None):
        def happen(*_):
            self.note(name)
            return answer

        return happen

    def note(self, name):
        self.events.append(name)
        if name == self.failing:
            raise RehearsalError(f"{name} went wrong")

    def deployable(self):
        pass

    def images(self):
        return Path("photographs")

    def artifacts(self):
        self.note("artifacts")

    def close(self):
        self.note("close")


@pytest.fixture
def stage(monkeypatch, tmp_path):
    return Stage(monkeypatch, tmp_path)


def test_images_are_uploaded_between_storage_and_pipeline(stage):
    """And everything is taken away at the end, which is told."""
    stage.performance.perform()
    assert stage.events == ALL
    assert stage.lines[-1] == "stays: nothing"


def test_a_kept_rehearsal_is_not_taken_away(monkeypatch, tmp_path):
    """All the rest is the same."""
    stage = Stage(monkeypatch, tmp_path, keep=True)
    stage.performance.perform()
    assert stage.events == ALL[:-1]


@pytest.mark.parametrize("failing", ["doctor", "upload", "pipeline", "tell"])
def test_after_a_failure_the_stacks_are_taken_away_and_the_failure_is_what_is_raised(stage, failing):
    """Nothing after it happens but the clean-up."""
    stage.failing = failing
    with pytest.raises(RehearsalError, match=f"{failing} went wrong"):
        stage.performance.perform()
    before = ALL[: ALL.index(failing) + 1]
    assert stage.events == [*before, *([] if "close" in before else ["close"]), "destroy"]


def test_a_destroy_that_fails_is_a_failure(stage):
    """Something may be left."""
    stage.failing = "destroy"
    with pytest.raises(RehearsalError, match="destroy went wrong"):
        stage.performance.perform()


def test_a_clean_up_that_fails_hides_no_failure(stage, monkeypatch):
    """It is told, and the first failure is raised."""
    stage.failing = "pipeline"

    def fails(*_):
        raise RehearsalError("no way")

    monkeypatch.setattr("rehearsal.full_run.ending.take_down", fails)
    with pytest.raises(RehearsalError, match="pipeline went wrong"):
        stage.performance.perform()
    assert stage.lines[-1].strip() == "the clean-up failed as well: no way"


def test_without_templates_there_is_nothing_to_take_away(stage):
    """Synthesis itself failed: CDK could not be asked."""
    (stage.performance._request.assembly / "manifest.json").unlink()
    stage.failing = "doctor"
    with pytest.raises(RehearsalError, match="doctor went wrong"):
        stage.performance.perform()
    assert stage.events == ["doctor", "close"]
