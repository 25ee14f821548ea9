"""The artifacts as CDK assets: true from a clean checkout, named by their inputs."""

import json
import shutil
import subprocess
import time
from typing import Any

import pytest
from aws_cdk import App, CfnOutput, Environment, Stack

from infra.artifacts.build import deployment_pins
from infra.artifacts.declaration import Artifacts
from infra.checkout import ROOT
from infra.config.deployment import DeploymentConfig

NAMES = ("job", "entry_point", "extractor", "wheelhouse", "installer", "install_script")
BUCKET = "cdk-hnb659fds-assets-111122223333-eu-west-3"


def declared(folder, root=ROOT, **fields) -> tuple[Artifacts, dict, dict]:
    """The artifacts of a deployment, the template that names them, and the assets CDK would publish."""
    stack = Stack(
        App(outdir=str(folder), analytics_reporting=False),
        "pipeline",
        env=Environment(account="111122223333", region="eu-west-3"),
    )
    artifacts = Artifacts.declare(stack, DeploymentConfig.from_context(fields), root)
    for name in NAMES:
        CfnOutput(stack, name.title().replace("_", ""), value=getattr(artifacts, name).s3_uri)
    app: Any = stack.node.root
    template = app.synth().get_stack_by_name("pipeline").template
    return artifacts, template, json.loads((folder / "pipeline.assets.json").read_text())["files"]


@pytest.fixture
def project(tmp_path):
    """A copy of what the artifacts are made of, that a test may change."""
    for folder in ("spark_job", "bootstrap"):
        shutil.copytree(ROOT / folder, tmp_path / "project" / folder)
    for pins in ROOT.glob("requirements*.txt"):
        shutil.copy(pins, tmp_path / "project")
    return tmp_path / "project"


def keys(artifacts: Artifacts) -> dict[str, str]:
    return {name: getattr(artifacts, name).key for name in NAMES}


def test_synth_needs_no_build_and_takes_seconds(tmp_path, project):
    """A checkout without dist/ synthesises, twice to the same bytes."""
    begun = time.monotonic()
    first, second = (declared(tmp_path / name, project)[1:] for name in ("a", "b"))
    assert first == second
    assert not (project / "dist").exists()
    assert time.monotonic() - begun < 60


def test_every_artifact_has_a_key_with_its_ending(tmp_path, project):
    """Spark takes `.zip` and `.py` by their names, and all lie in the bucket of CDK's assets."""
    artifacts, _, files = declared(tmp_path / "out", project)
    endings = {name: key.rpartition(".")[2] for name, key in keys(artifacts).items()}
    assert endings.pop("entry_point") == "py"
    assert endings.pop("install_script") == "sh"
    assert set(endings.values()) == {"zip"}
    published = {each["objectKey"] for file in files.values() for each in file["destinations"].values()}
    assert set(keys(artifacts).values()) <= published
    buckets = {getattr(artifacts, name).bucket for name in NAMES}
    assert {bucket for bucket in buckets if "Token" not in bucket} == {BUCKET}


def test_the_assets_are_made_by_a_command_that_refuses(tmp_path, project):
    """CDK runs it where it likes; here, without a build, from another folder."""
    artifacts, _, files = declared(tmp_path / "out", project)
    executable = files[artifacts.extractor.key]["source"]["executable"]
    executable = [part.replace(str(project), str(ROOT)) for part in executable]
    done = subprocess.run(
        [*executable, f"--dist={tmp_path}"], cwd="/", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: the extractor is not built: run `make build`")


def test_one_line_of_the_job_changes_the_job_alone(tmp_path, project):
    """Its wheels, its network and the install script keep their names, so nothing else is uploaded."""
    before = keys(declared(tmp_path / "a", project)[0])
    with (project / "spark_job/pipeline/run.py").open("a") as source:
        source.write("# changed\n")
    after = keys(declared(tmp_path / "b", project)[0])
    assert {name for name in before if before[name] != after[name]} == {"job"}


def test_another_processor_or_engine_means_other_wheels(tmp_path):
    """The platform is part of the wheels' names, the engine of the network's too."""
    arm = dict.fromkeys(
        ("primary_instance_types", "core_instance_types", "task_instance_types"), "m7g.xlarge"
    )
    plain = keys(declared(tmp_path / "a")[0])
    on_arm = keys(declared(tmp_path / "b", **arm)[0])
    with_tensorflow = keys(declared(tmp_path / "c", engine="tensorflow")[0])
    assert {name for name in plain if plain[name] != on_arm[name]} == {"wheelhouse", "installer"}
    assert {name for name in plain if plain[name] != with_tensorflow[name]} == {"wheelhouse", "extractor"}


def test_the_bootstrap_arguments_are_unique_and_pin_the_wheels(tmp_path):
    """EMR refuses an argument twice; the hash of the pins comes with the template, not from the bucket."""
    artifacts = declared(tmp_path / "out")[0]
    arguments = artifacts.bootstrap_arguments
    assert len(set(arguments)) == len(arguments)
    pins, _ = deployment_pins(DeploymentConfig.from_context({}))
    assert arguments == [
        f"--installer={artifacts.installer.s3_uri}",
        f"--wheelhouse={artifacts.wheelhouse.s3_uri}",
        f"--extractor={artifacts.extractor.s3_uri}",
        f"--pins-sha256={pins.sha256}",
    ]
