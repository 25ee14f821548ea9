"""The measuring itself: in rounds, each contender in turn, so that a slow minute of the machine meets all."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pyarrow.dataset as ds

from benchmarks import reduction, this_job
from benchmarks.contender import FACTS
from benchmarks.measure import Run, run_process
from benchmarks.plan import Plan, missing_package
from benchmarks.s3_server import BUCKET
from infra.checkout import ROOT

MODULES = {"a": "bare_engine", "c": "notebook", "d": "daft_peer", "e": "ray_peer"}


@dataclass(frozen=True)
class Inputs:
    """What is measured on: a folder of photographs of each size, an extractor, a place for outputs."""

    photographs: Mapping[int, Path]
    extractor: Path
    work: Path


def measure_all(plan: Plan, inputs: Inputs, say: Callable[[str], None]) -> list[Run]:
    """Every run of the plan, in the order in which they ran."""
    runs: list[Run] = []
    features = _reduction_features(plan, inputs.work)
    for number in range(1, plan.rounds + 1):
        for run in _round(plan, inputs, features, number):
            outcome = run.error or f"{run.seconds:.1f} s"
            say(f"round {number}: {run.contender} {run.size:,}: {outcome}")
            runs.append(run)
    return runs


def _round(plan: Plan, inputs: Inputs, features: Mapping[int, Path], number: int) -> Iterator[Run]:
    for contender in plan.image_contenders:
        for size in plan.sizes(contender):
            yield _run_images(contender, number, size, inputs)
    for columns, folder in features.items():
        for method in reduction.METHODS:
            yield _run_reduction(method, number, columns, folder, inputs.work)


def _run_images(contender: str, number: int, size: int, inputs: Inputs) -> Run:
    if package := missing_package(contender):
        return Run(contender, number, size, 0.0, error=f"{package} is not installed")
    out = inputs.work / "out"
    shutil.rmtree(out, ignore_errors=True)
    photographs = inputs.photographs[size]
    served: dict[str, Any] = {}
    if contender == "b":
        outcome = run_process(this_job.command(str(photographs), inputs.extractor, out))
    elif contender == "g":
        with s3_server(photographs, served) as environment:
            command = this_job.command(f"s3://{BUCKET}", inputs.extractor, out)
            outcome = run_process(command, environment)
    else:
        outcome = run_process(_module_command(MODULES[contender], photographs, inputs.extractor, out))
    if outcome.error:
        return Run(contender, number, size, outcome.seconds, outcome.peak_mebibytes, error=outcome.error)
    facts = {**_facts(contender, out), **served}
    error = None if contender == "a" else _missing_rows(out, size)
    return Run(contender, number, size, outcome.seconds, outcome.peak_mebibytes, facts, error)


def _module_command(module: str, photographs: Path, extractor: Path, out: Path) -> list[str]:
    arguments = ["--images", str(photographs), "--extractor", str(extractor), "--out", str(out)]
    return [sys.executable, "-m", f"benchmarks.{module}", *arguments]


def _facts(contender: str, out: Path) -> dict[str, Any]:
    if contender in "bg":
        return this_job.facts(out)
    path = out / FACTS
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _missing_rows(out: Path, size: int) -> str | None:
    """Whether the Parquet holds features of every image: a fast contender that loses some is no winner."""
    folder = next(iter(out.rglob("features")), None)
    if folder is None:
        return "wrote no features"
    rows = ds.dataset(folder, format="parquet").count_rows(filter=ds.field("features").is_valid())
    return None if rows == size else f"wrote features of {rows:,} images instead of {size:,}"


def _reduction_features(plan: Plan, work: Path) -> dict[int, Path]:
    if "f" not in plan.only:
        return {}
    return {
        columns: reduction.write_features(plan.reduction_rows, columns, work / f"features-{columns}")
        for columns in reduction.COLUMNS
    }


def _run_reduction(method: str, number: int, columns: int, features: Path, work: Path) -> Run:
    facts = work / "reduction.json"
    facts.unlink(missing_ok=True)
    arguments = ["--method", method, "--features", str(features), "--facts", str(facts)]
    outcome = run_process([sys.executable, "-m", "benchmarks.reduction", *arguments])
    found = json.loads(facts.read_text(encoding="utf-8")) if outcome.error is None else {}
    return Run(f"f {method}", number, columns, outcome.seconds, outcome.peak_mebibytes, found, outcome.error)


@contextmanager
def s3_server(folder: Path, served: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Serve a folder from another process; yields the environment that makes it the job's S3.

    Args:
        served: told the processor seconds that the server took from the job's machine.
    """
    command = [sys.executable, "-m", "benchmarks.s3_server", str(folder)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        port = int(server.stdout.readline())
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_REGION": "eu-west-3",
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
        }
        used = psutil.Process(server.pid).cpu_times()
        served["server_processor_seconds"] = used.user + used.system
        server.stdin.close()
