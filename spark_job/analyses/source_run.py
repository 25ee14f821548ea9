"""A finished run that an analysis reads."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from spark_job.contract import run_layout as layout
from spark_job.contract.errors import MisuseError
from spark_job.contract.manifest import RUN, Manifest
from spark_job.contract.run_options import ImageLimits
from spark_job.contract.uris import normalise
from spark_job.pipeline.run_folder import RunFolder
from spark_job.reduction.model import load_model
from spark_job.reduction.principal_components import Reduction
from spark_job.storage import Folder


@dataclass(frozen=True)
class SourceRun:
    """A finished run, never changed.

    Attributes:
        manifest: its `kind` says which command made the run.
    """

    folder: RunFolder
    manifest: Manifest
    metrics: dict[str, Any]

    @classmethod
    def open(cls, uri: str, *kinds: str) -> "SourceRun":
        """Open RESULTS/RUN_ID.

        Args:
            kinds: of manifests that will do, as `run`, `train`; default: `run`.

        Raises:
            MisuseError: there is no finished run, or one of another kind.
            StorageError: the folder cannot be read.
        """
        folder = RunFolder(Folder(normalise(uri)))
        manifest = folder.read_manifest()
        if manifest is None:
            raise MisuseError(
                f"{uri} holds no finished run (it has no {layout.MANIFEST}): name RESULTS/RUN_ID, and finish "
                "an unfinished one with --resume"
            )
        wanted = kinds or (RUN,)
        if manifest.kind not in wanted:
            raise MisuseError(
                f"{uri} was made by `{manifest.kind}`; this needs one made by `{'` or `'.join(wanted)}`"
            )
        return cls(folder, manifest, folder.read_json(layout.METRICS) or {})

    @property
    def uri(self) -> str:
        """The URI of the run's folder."""
        return self.folder.folder.uri

    @property
    def run_id(self) -> str:
        """The name of the run."""
        return self.manifest.run_id

    @property
    def limits(self) -> ImageLimits:
        """The limits beyond which the run rejected images."""
        return ImageLimits(**self.manifest.parameters["limits"])

    def table(self, name: str) -> Folder:
        """Return the folder of one of the run's tables."""
        return self.folder.folder.at(name)

    def reduction(self) -> Reduction:
        """Read the PCA that made the components.

        Raises:
            MisuseError: the run has none, because it found no images.
        """
        fitted = self.folder.read_json(layout.FIT)
        if fitted is None:
            raise MisuseError(f"{self.uri} holds no reduction: it found no images; name a run that did")
        ratio = np.asarray(fitted["explained_variance_ratio"])
        return load_model(self.table(layout.MODEL), fitted["images"], ratio)
