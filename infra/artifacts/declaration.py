"""The artifacts as assets named by their inputs: synth needs no build, a deploy without one is refused."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import FileAssetPackaging, Stack

from infra.artifacts.build import deployment_pins, recipes
from infra.artifacts.packing import ENTRY_POINT, sha256_of
from infra.checkout import ROOT
from infra.config.deployment import DeploymentConfig
from infra.contract.names import assets_folder

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
        """Declare the assets of a deployment in a stack. Raises InfraError: a file cannot be read."""
        # A folder of the stage: nodes may read it, and nothing that other stacks keep in the bucket.
        folder = assets_folder(config.stage)
        built = {}
        for name, recipe in recipes(config, root).items():
            location = stack.synthesizer.add_file_asset(
                # The key of an asset made by a command is its hash as given; Spark wants `.zip` at its end.
                source_hash=f"{folder}/{recipe.inputs}.zip",
                # CDK runs it from whatever folder it was started in, and only if the bucket lacks the key.
                executable=[
                    *("env", f"PYTHONPATH={root}", sys.executable, "-m", "infra.artifacts"),
                    *("file", name, recipe.inputs),
                ],
                display_name=f"{stack.stack_name} {name}",
            )
            built[name] = Artifact(location.bucket_name, location.object_key, recipe.inputs)
        pins, _ = deployment_pins(config, root)
        return cls(
            **built,
            entry_point=_file(stack, folder, root / ENTRY_POINT),
            install_script=_file(stack, folder, root / INSTALL_SCRIPT),
            pins_sha256=pins.sha256,
        )


def _file(stack: Stack, folder: str, path: Path) -> Artifact:
    content = sha256_of(path)
    place: Any = {"source_hash": f"{folder}/{content}", "display_name": f"{stack.stack_name} {path.name}"}
    packaging = FileAssetPackaging.FILE
    location = stack.synthesizer.add_file_asset(**place, file_name=str(path), packaging=packaging)
    return Artifact(location.bucket_name, location.object_key, content)
