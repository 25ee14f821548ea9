"""Contender (b): this job as a user runs it, and what its own metrics say."""

import json
import sys
from pathlib import Path
from typing import Any

RUN_ID = "benchmark"


def command(images: str, extractor: Path, out: Path) -> list[str]:
    """`python -m spark_job run` with no options but the necessary."""
    arguments = ["--images", images, "--extractor", str(extractor), "--results", str(out)]
    return [sys.executable, "-m", "spark_job", "run", *arguments, "--run-id", RUN_ID]


def facts(out: Path) -> dict[str, Any]:
    """Seconds of each stage, and the images a second of the features stage."""
    metrics = json.loads((out / RUN_ID / "metrics.json").read_text(encoding="utf-8"))
    return {"seconds_by_stage": metrics["seconds"], **metrics["features"]}
