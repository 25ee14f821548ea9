"""Extractors that tests build, and their networks as Keras has them before they are saved."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import spark_job.extractors.build
from spark_job.contract.extractor_files import ENGINE_FILES
from spark_job.extractors.build import make_network
from spark_job.extractors.request import Request
from spark_job.extractors.specification import ExtractorSpecification, Weights
from spark_job.features.extraction import load_engine

# They are no part of the project, and need not be there.
MOBILENET_WEIGHTS = (
    Path(__file__).resolve().parents[3]
    / "shared/weights/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
)


@dataclass
class Built:
    folder: Path
    specification: ExtractorSpecification

    def engine(self, name: str, precision: str = "f32") -> Any:
        files = {file: self.folder / file for file in ENGINE_FILES[name]}
        return load_engine(files, self.specification, name, precision)


def keep_networks(patch: pytest.MonkeyPatch) -> list[Any]:
    """The list to which each network is added that is built from now on."""
    networks: list[Any] = []

    def make_and_keep(request: Request) -> tuple[Any, Weights]:
        network, weights = make_network(request)
        networks.append(network)
        return network, weights

    patch.setattr(spark_job.extractors.build, "make_network", make_and_keep)
    return networks
