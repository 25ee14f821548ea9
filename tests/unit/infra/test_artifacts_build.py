"""The build: nothing twice, a manifest that is true, and a refusal that says what to run."""

import json
import subprocess
import sys

import pytest

from infra.artifacts.build import NotBuiltError, Recipe, build, built_file, read_manifest, recipes
from infra.artifacts.packing import sha256_of
from infra.checkout import ROOT
from infra.config.deployment import DeploymentConfig

AGAIN = "run `make build` with the STAGE and CONTEXT of this deploy"


class Workshop:
    """A recipe that counts how often it is cooked."""

    def __init__(self, text: str = "one") -> None:
        self.built = 0
        self.text = text

    @property
    def recipe(self) -> Recipe:
        return Recipe("job", "spark_job.zip", {"text": self.text}, self._build)

    def _build(self, path) -> None:
        self.built += 1
        path.write_text(self.text)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra.artifacts", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def said():
    return []


def test_what_is_built_is_not_built_again(tmp_path, said):
    """The second build of the same inputs takes no time and says so."""
    workshop = Workshop()
    for _ in range(2):
        build([workshop.recipe], tmp_path, said.append)
    assert workshop.built == 1
    assert said[1] == f"job         {tmp_path}/spark_job.zip is up to date"


@pytest.mark.parametrize("change", ["inputs", "bytes", "file", "manifest"])
def test_what_does_not_fit_is_built_again(tmp_path, said, change):
    """Other inputs, a damaged or missing file, a lost manifest."""
    workshop = Workshop()
    build([workshop.recipe], tmp_path, said.append)
    if change == "inputs":
        workshop.text = "two"
    elif change == "bytes":
        (tmp_path / "spark_job.zip").write_text("damaged")
    else:
        (tmp_path / {"file": "spark_job.zip", "manifest": "manifest.json"}[change]).unlink()
    build([workshop.recipe], tmp_path, said.append)
    assert workshop.built == 2
    assert built_file(tmp_path, "job", workshop.recipe.inputs).read_text() == workshop.text


def test_the_manifest_tells_inputs_and_bytes_and_no_time(tmp_path, said):
    """The same build gives the same manifest."""
    workshop = Workshop()
    build([workshop.recipe], tmp_path, said.append)
    assert json.loads((tmp_path / "manifest.json").read_text()) == {
        "format": 1,
        "artifacts": {
            "job": {
                "file": "spark_job.zip",
                "inputs": workshop.recipe.inputs,
                "sha256": sha256_of(tmp_path / "spark_job.zip"),
                "bytes": 3,
            }
        },
    }


def test_a_manifest_that_cannot_be_read_counts_as_none(tmp_path):
    """An older version's, or half of one."""
    for text in ("{", '{"format": 0, "artifacts": {}}', '{"format": 1, "artifacts": {"job": {"file": 1}}}'):
        (tmp_path / "manifest.json").write_text(text)
        assert read_manifest(tmp_path) == {}


def test_a_failure_keeps_what_was_built_before_it(tmp_path, said):
    """A wheelhouse that cannot be had costs no second extractor."""

    def fail(_path):
        raise NotBuiltError("no network")

    with pytest.raises(NotBuiltError, match="no network"):
        build([Workshop().recipe, Recipe("wheelhouse", "wheelhouse.zip", {}, fail)], tmp_path, said.append)
    assert list(read_manifest(tmp_path)) == ["job"]


def test_the_command_builds_and_cdks_command_finds_it(tmp_path):
    """What the asset's executable prints is the path of the file, and nothing else."""
    built = command("build", "job", f"--dist={tmp_path}")
    assert (built.returncode, built.stderr) == (0, "")
    inputs = recipes(DeploymentConfig.from_context({}))["job"].inputs
    found = command("file", "job", inputs, f"--dist={tmp_path}")
    assert (found.returncode, found.stdout) == (0, f"{tmp_path}/spark_job.zip\n")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("absent", f"the job is not built: {AGAIN}"),
        ("stale", f"the job was built from other inputs: {AGAIN}"),
        ("damaged", f"DIST/spark_job.zip is missing or changed since it was built: {AGAIN}"),
    ],
)
def test_a_deploy_without_the_built_files_is_refused(tmp_path, said, state, message):
    """Exit code 1 and the command to run; nothing on stdout, which CDK would take for a path."""
    workshop = Workshop()
    if state != "absent":
        build([workshop.recipe], tmp_path, said.append)
    if state == "damaged":
        (tmp_path / "spark_job.zip").write_text("damaged")
    inputs = "other" if state == "stale" else workshop.recipe.inputs
    found = command("file", "job", inputs, f"--dist={tmp_path}")
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr == f"Error: {message}\n".replace("DIST", str(tmp_path))


def test_a_field_that_is_not_allowed_stops_the_build(tmp_path):
    """The same check as at synth, and the same exit code."""
    done = command("build", "-c", "engine=onnx", f"--dist={tmp_path}")
    assert (done.returncode, done.stderr.startswith("Error: engine=onnx: ")) == (2, True)
    assert list(tmp_path.iterdir()) == []
