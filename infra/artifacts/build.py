"""The build of a deployment's four artifacts: each made once for its inputs, by `dist/manifest.json`."""

import json
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from infra.artifacts import wheelhouse as wheel
from infra.artifacts.extractor import ExtractorRequest, build_extractor, extractor_inputs
from infra.artifacts.packing import build_job, hash_of, job_inputs, sha256_of
from infra.checkout import ROOT
from infra.config.deployment import DeploymentConfig
from infra.errors import InfraError

FILE_NAME = "manifest.json"
_FORMAT = 1
# Raised when the way of packing changes, so that the same inputs get another name.
PACKING = 1


class NotBuiltError(InfraError):
    """An artifact is missing, damaged, or was built from other inputs; the message says what to run."""


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


def deployment_pins(config: DeploymentConfig, root: Path = ROOT) -> tuple[wheel.NodePins, wheel.NodePlatform]:
    """Return what the nodes of a deployment install, and for which platform."""
    platform = wheel.NodePlatform.of(config.architecture)
    return wheel.node_pins(root, config.engine, platform), platform


def recipes(config: DeploymentConfig, root: Path = ROOT) -> dict[str, Recipe]:
    """Return the recipes by artifact name. Raises InfraError: a file that they are made of cannot be read."""
    pins, platform = deployment_pins(config, root)
    request = ExtractorRequest(config.model, config.engine, config.weights)
    modules, max_bytes = (config.engine, *wheel.WORKER_MODULES), wheel.MAX_BYTES[config.engine]

    def wheelhouse(path: Path) -> None:
        wheel.build_wheelhouse(path, pins, platform, modules=modules, max_bytes=max_bytes)

    content = {"platform": platform.name, "modules": modules, "pins": pins.sha256}
    uv = {"platform": platform.name, "pins": pins.installer}
    network, build_network = extractor_inputs(root, request), partial(build_extractor, root, request)
    all_recipes = (
        Recipe("job", "spark_job.zip", {"files": job_inputs(root)}, partial(build_job, root)),
        Recipe("extractor", "extractor.zip", network, build_network),
        Recipe("wheelhouse", "wheelhouse.zip", content, wheelhouse),
        Recipe("installer", "uv.zip", uv, lambda path: wheel.build_installer(path, pins, platform)),
    )
    return {recipe.name: recipe for recipe in all_recipes}


@dataclass(frozen=True)
class BuiltArtifact:
    """One file of the build, as the manifest describes it."""

    file: str
    inputs: str  # hash of what it was made of
    sha256: str
    bytes: int


def read_manifest(dist: Path) -> dict[str, BuiltArtifact]:
    """Return the built artifacts by name; none when nothing was built, or by another version."""
    try:
        manifest = json.loads((dist / FILE_NAME).read_text(encoding="utf-8"))
        if manifest["format"] != _FORMAT:
            return {}
        return {name: BuiltArtifact(**entry) for name, entry in manifest["artifacts"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def built_file(dist: Path, name: str, inputs: str) -> Path:
    """Return the file of an artifact built from these inputs. Raises NotBuiltError: other inputs or bytes."""
    entry, wrong = read_manifest(dist).get(name), ""
    path = dist / entry.file if entry else dist
    if entry is None:
        wrong = f"the {name} is not built"
    elif entry.inputs != inputs:
        wrong = f"the {name} was built from other inputs"
    elif not path.is_file() or sha256_of(path) != entry.sha256:
        wrong = f"{path} is missing or changed since it was built"
    if wrong:
        raise NotBuiltError(f"{wrong}: run `make build` with the STAGE and CONTEXT of this deploy")
    return path


def build(recipes: Iterable[Recipe], dist: Path, say: Callable[[str], None]) -> None:
    """Build each artifact that `dist` lacks for these inputs, and record it. Raises InfraError, OSError."""
    dist.mkdir(parents=True, exist_ok=True)
    for recipe in recipes:
        file = dist / recipe.file
        with suppress(NotBuiltError):
            built_file(dist, recipe.name, recipe.inputs)
            say(f"{recipe.name:<11} {file} is up to date")
            continue
        begun = time.monotonic()
        recipe.build(file)
        entry = BuiltArtifact(file.name, recipe.inputs, sha256_of(file), file.stat().st_size)
        # After each one, so that a failure leaves what is done.
        built = sorted({**read_manifest(dist), recipe.name: entry}.items())
        entries = {name: asdict(one) for name, one in built}
        unfinished = dist / f".{FILE_NAME}"
        unfinished.write_text(json.dumps({"format": _FORMAT, "artifacts": entries}, indent=2) + "\n")
        unfinished.replace(dist / FILE_NAME)
        seconds = time.monotonic() - begun
        say(f"{recipe.name:<11} {file} {entry.bytes / 1e6:,.1f} MB, {seconds:.1f} s")
