"""The artifacts as assets named by their inputs: synth needs no build, a deploy without one is refused."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from aws_cdk import Aws, Stack
from aws_cdk.aws_s3_assets import Asset

from infra.artifacts.catalogue import Recipe, deployment_pins, recipes
from infra.artifacts.job_package import ENTRY_POINT
from infra.checkout import ROOT
from infra.config.deployment import DeploymentConfig

INSTALL_SCRIPT = "bootstrap/install.sh"


@dataclass(frozen=True)
class Artifact:
    """One object of the bucket where `cdk deploy` puts assets."""

    bucket: str
    key: str
    hash: str  # of what it is made of

    @property
    def s3_uri(self) -> str:
        """`s3://BUCKET/KEY`."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def arn(self) -> str:
        """The object as policies name it."""
        return f"arn:{Aws.PARTITION}:s3:::{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Artifacts:
    """What a cluster reads before and while it runs the job."""

    job: Artifact  # --py-files
    entry_point: Artifact  # the .py file that spark-submit starts
    extractor: Artifact
    wheelhouse: Artifact
    installer: Artifact
    install_script: Artifact  # the bootstrap action
    pins_sha256: str

    def __iter__(self) -> Iterator[Artifact]:
        """Iterate over every object that an instance must be able to read."""
        return (value for field in fields(self) if isinstance(value := getattr(self, field.name), Artifact))

    @property
    def bootstrap_arguments(self) -> list[str]:
        """What the bootstrap action passes to the install script; EMR wants them without repeats."""
        return [
            f"--installer={self.installer.s3_uri}",
            f"--wheelhouse={self.wheelhouse.s3_uri}",
            f"--extractor={self.extractor.s3_uri}",
            f"--pins-sha256={self.pins_sha256}",
        ]

    @classmethod
    def declare(cls, stack: Stack, config: DeploymentConfig, root: Path = ROOT) -> "Artifacts":
        """Declare the assets of a deployment in a stack.

        Raises:
            InfraError: a file that they are made of cannot be read.
        """
        built = {name: _built(stack, recipe, root) for name, recipe in recipes(config, root).items()}
        pins, _ = deployment_pins(config, root)
        return cls(
            **built,
            entry_point=_file(stack, "JobEntryPoint", root / ENTRY_POINT),
            install_script=_file(stack, "InstallScript", root / INSTALL_SCRIPT),
            pins_sha256=pins.sha256,
        )


def _built(stack: Stack, recipe: Recipe, root: Path) -> Artifact:
    location = stack.synthesizer.add_file_asset(
        # The key of an asset made by a command is its hash as it stands; Spark wants `.zip` at its end.
        source_hash=f"{recipe.inputs}.zip",
        # CDK runs it from whatever folder it was started in, and only if the bucket lacks the key.
        executable=[
            *("env", f"PYTHONPATH={root}", sys.executable, "-m", "infra.artifacts"),
            *("file", recipe.name, recipe.inputs),
        ],
        display_name=f"{stack.stack_name} {recipe.name}",
    )
    return Artifact(location.bucket_name, location.object_key, recipe.inputs)


def _file(stack: Stack, construct_id: str, path: Path) -> Artifact:
    asset = Asset(stack, construct_id, path=str(path))
    return Artifact(asset.s3_bucket_name, asset.s3_object_key, asset.asset_hash)
