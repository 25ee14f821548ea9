"""The four artifacts of a deployment: what each is made of, and how it is built."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.artifacts.extractor import ExtractorRequest, build_extractor, extractor_inputs
from infra.artifacts.node_requirements import NodePins, NodePlatform, node_pins
from infra.artifacts.packing import build_job, hash_of, job_inputs
from infra.artifacts.wheelhouse import Wheelhouse, build_installer, build_wheelhouse
from infra.checkout import ROOT
from infra.config.deployment import DeploymentConfig

# Raised when the way of packing changes, so that the same inputs get another name.
PACKING = 1


@dataclass(frozen=True)
class Recipe:
    """How one artifact is built, and from what."""

    name: str
    file: str
    description: dict[str, Any]
    build: Callable[[Path], None]

    @property
    def inputs(self) -> str:
        """Hash of all that the artifact is made of, known without building it."""
        return hash_of({"artifact": self.name, "packing": PACKING, **self.description})


def deployment_pins(config: DeploymentConfig, root: Path = ROOT) -> tuple[NodePins, NodePlatform]:
    """Return what the nodes of a deployment install, and for which platform."""
    platform = NodePlatform.of(config.architecture)
    return node_pins(root, config.engine, platform), platform


def recipes(config: DeploymentConfig, root: Path = ROOT) -> dict[str, Recipe]:
    """Return the recipes by artifact name: job, extractor, wheelhouse, installer.

    Raises InfraError: a file that they are made of cannot be read.
    """
    pins, platform = deployment_pins(config, root)
    request = ExtractorRequest(config.model, config.engine, config.weights)
    wheelhouse = Wheelhouse.of(config.engine, pins, platform)
    all_recipes = (
        Recipe("job", "spark_job.zip", {"files": job_inputs(root)}, lambda path: build_job(root, path)),
        Recipe(
            "extractor",
            "extractor.zip",
            extractor_inputs(root, request),
            lambda path: build_extractor(root, request, path),
        ),
        Recipe(
            "wheelhouse",
            "wheelhouse.zip",
            {"platform": platform.name, "modules": wheelhouse.modules, "pins": pins.sha256},
            lambda path: build_wheelhouse(path, wheelhouse),
        ),
        Recipe(
            "installer",
            "uv.zip",
            {"platform": platform.name, "pins": pins.installer},
            lambda path: build_installer(path, pins, platform),
        ),
    )
    return {recipe.name: recipe for recipe in all_recipes}
