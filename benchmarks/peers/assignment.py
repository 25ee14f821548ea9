"""What a peer's process has to do, and the one network that most of them run."""

import json
import os
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spark_job.contract.extractor_files import ENGINE_FILES, SPECIFICATION
from spark_job.contract.run_options import ImageLimits
from spark_job.extractors.specification import ExtractorSpecification
from spark_job.features.extraction import load_engine
from spark_job.images.decoding import decode_picture
from spark_job.images.preparation import prepare

FACTS = "facts.json"  # the file in a peer's output folder with what it measured itself


@dataclass(frozen=True)
class Assignment:
    """The photographs below `images` are to become Parquet below `out`."""

    images: Path
    extractor: Path
    out: Path

    @classmethod
    def from_arguments(cls) -> "Assignment":
        parser = ArgumentParser()
        for name in ("images", "extractor", "out"):
            parser.add_argument(f"--{name}", type=Path, required=True)
        return cls(**vars(parser.parse_args()))

    def write_facts(self, facts: dict[str, Any]) -> None:
        """Leave what the peer measured itself for the process that started it."""
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / FACTS).write_text(json.dumps(facts), encoding="utf-8")


class PhotographFeatures:
    """Preparation and engine of the job on one core: from the bytes of a photograph to its features.

    Bare engine, Daft and Ray Data use it, so they differ from the job in nothing but what moves the data.
    """

    def __init__(self, extractor: Path) -> None:
        text = (extractor / SPECIFICATION).read_bytes()
        self.specification = ExtractorSpecification.from_json(text, str(extractor))
        files = {name: extractor / name for name in ENGINE_FILES["openvino"]}
        self.engine = load_engine(files, self.specification, "openvino", "f32")

    def prepare(self, content: bytes, tensor: np.ndarray) -> None:
        """Decode and resize a photograph into `tensor`, (height, width, 3) float32."""
        needed = self.specification.height, self.specification.width
        prepare(decode_picture(content, ImageLimits(), needed).pixels, self.specification, tensor)

    def of(self, content: bytes) -> np.ndarray:
        """Return the features of a photograph, (feature_length,) float32."""
        tensor = np.empty((1, self.specification.height, self.specification.width, 3), np.float32)
        self.prepare(content, tensor[0])
        features: np.ndarray = self.engine.features(tensor)[0]
        return features


def core_count() -> int:
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def photographs_below(folder: Path) -> list[Path]:
    """Return every photograph of a folder that `photographs.folder_of` made, sorted."""
    return sorted(path for path in folder.glob("*/*") if path.is_file())
