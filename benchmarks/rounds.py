"""What a benchmark measures, in rounds: each contender in turn, so that a slow minute meets all of them."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import psutil
import pyarrow.dataset as ds

from benchmarks.peers import reduction
from benchmarks.peers.assignment import FACTS
from benchmarks.photographs import renew
from benchmarks.process import Run, measured_run
from benchmarks.s3_server import BUCKET
from infra.checkout import ROOT
from spark_job.contract.run_layout import METRICS

CONTENDERS = {
    "a": "bare engine",
    "b": "this job",
    "g": "this job from S3",
    "d": "Daft",
    "e": "Ray Data",
    "c": "notebook",
    "f": "reduction",
    "l": "scaled decoding, then the bare engine",
    "h": "many files",
    "n": "everything new",
    "o": "one photograph new",
    "k": "95 % known",
}


@dataclass(frozen=True)
class Kind:
    """What is measured together; contenders in the order of a round, with fewer images a slope is noise."""

    contenders: str
    count: int
    minimum_count: int
    rounds: int
    quick_count: int = 200


KINDS = {
    "drawn": Kind("abgdecf", 4_000, 2_500, rounds=3),
    "phone": Kind("lbde", 250, 200, rounds=2, quick_count=20),
    "reuse": Kind("nok", 10_000, 10_000, rounds=1),
    "files": Kind("h", 1_000_000, 1_000_000, rounds=1, quick_count=2_000),
}
PACKAGES = {"c": "tensorflow", "d": "daft", "e": "ray"}
# The notebook is several times slower; fewer images give its slope as well.
NOTEBOOK_SHARE = 5
PEERS = {"a": "bare_engine", "c": "notebook", "d": "daft_udf", "e": "ray_actors", "l": "photograph_steps"}
RUN_ID = "benchmark"
JOB = "bghnok"  # contenders that are this job
SHARE_NEW = 20  # of (k): one in so many


@dataclass(frozen=True)
class Plan:
    """Contenders, sizes and repetitions."""

    kind: str  # one of KINDS
    contenders: frozenset[str]  # keys of CONTENDERS
    count: int  # N; a steady rate is the slope between N and 3N images. Many files are N / 10 and N
    rounds: int  # every contender runs once a round, in turn
    reduction_rows: int = 20_000  # rows of the features that are reduced

    def sizes(self, contender: str) -> tuple[int, ...]:
        """Return how many images each of its runs takes, once a round."""
        if contender in "agl":
            return (3 * self.count,)
        if contender in "nok":
            return (self.count,)
        if contender == "h":
            return self.count // 10, self.count
        count = self.count // NOTEBOOK_SHARE if contender == "c" else self.count
        return count, 3 * count

    @property
    def is_complete(self) -> bool:
        """Whether it measures everything of its kind, on enough images."""
        kind = KINDS[self.kind]
        return self.contenders == frozenset(kind.contenders) and self.count >= kind.minimum_count

    @property
    def image_contenders(self) -> list[str]:
        """Those that turn images into features, in the order of a round."""
        return [key for key in KINDS[self.kind].contenders if key in self.contenders and key != "f"]


@dataclass(frozen=True)
class Inputs:
    """What is measured on: a folder of photographs of each size, an extractor, a folder for outputs."""

    photographs: Mapping[int, Path]
    extractor: Path
    work: Path


def measure_all(plan: Plan, inputs: Inputs, say: Callable[[str], None]) -> list[Run]:
    """Return every run of the plan, in the order in which they ran."""
    runs: list[Run] = []
    features = {
        count: reduction.write_features(plan.reduction_rows, count, inputs.work / f"features-{count}")
        for count in (reduction.COLUMNS if "f" in plan.contenders else ())
    }
    for number in range(1, plan.rounds + 1):
        for run in _round(plan, inputs, features, number):
            say(f"round {number}: {run.contender} {run.size:,}: {run.error or f'{run.seconds:.1f} s'}")
            runs.append(run)
    return runs


def _round(plan: Plan, inputs: Inputs, features: Mapping[int, Path], number: int) -> Iterator[Run]:
    for contender in plan.image_contenders:
        for size in plan.sizes(contender):
            yield _run_images(contender, number, size, inputs)
    for (columns, folder), method in product(features.items(), reduction.METHODS):
        arguments = ["--method", method, "--features", str(folder), "--facts", str(inputs.work / FACTS)]
        run = measured_run(f"f {method}", number, columns, "benchmarks.peers.reduction", arguments)
        yield run if run.error else replace(run, facts=_facts("f", inputs.work))


def _run_images(contender: str, number: int, size: int, inputs: Inputs) -> Run:
    package = PACKAGES.get(contender)
    if package and find_spec(package) is None:
        return Run(contender, number, size, 0.0, error=f"{package} is not installed")
    out, photographs = inputs.work / ("again" if contender in "ok" else "out"), inputs.photographs[size]
    shutil.rmtree(out, ignore_errors=True)
    if contender in "ok":
        renew(photographs, 1 if contender == "o" else size // SHARE_NEW)
    served: dict[str, float] = {}
    images = f"s3://{BUCKET}" if contender == "g" else str(photographs)
    server: AbstractContextManager[dict[str, str] | None] = nullcontext()
    if contender == "g":
        server = s3_server(photographs, served)
    with server as environment:
        command = _command(contender, images, inputs.extractor, out)
        run = measured_run(contender, number, size, *command, environment)
    if run.error:
        return run
    lost = None if contender in "al" else _missing_rows(out, size)
    return replace(run, facts={**_facts(contender, out), **served}, error=lost)


def _command(contender: str, images: str, extractor: Path, out: Path) -> tuple[str, list[str]]:
    """Return module and arguments: the job with no options but the necessary, or a peer."""
    words = ["--images", images, "--extractor", str(extractor)]
    if contender in "ok":
        words += ["--previous", str(out.with_name("out") / RUN_ID)]
    if contender in JOB:
        return "spark_job", ["run", *words, "--results", str(out), "--run-id", RUN_ID]
    return f"benchmarks.peers.{PEERS[contender]}", [*words, "--out", str(out)]


def _facts(contender: str, out: Path) -> dict[str, Any]:
    """Return what the contender measured itself: of the job, seconds of each stage and its rate."""
    if contender in JOB:
        metrics = json.loads((out / RUN_ID / METRICS).read_text(encoding="utf-8"))
        return {"seconds_by_stage": metrics["seconds"], **metrics["features"]}
    path = out / FACTS
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _missing_rows(out: Path, size: int) -> str | None:
    """Return why the Parquet lacks features of an image, or None: who loses some is no winner."""
    folder = next(iter(out.rglob("features")), None)
    if folder is None:
        return "wrote no features"
    rows = ds.dataset(folder, format="parquet").count_rows(filter=ds.field("features").is_valid())
    return None if rows == size else f"wrote features of {rows:,} images instead of {size:,}"


@contextmanager
def s3_server(folder: Path, served: dict[str, float]) -> Iterator[dict[str, str]]:
    """Serve a folder from another process; yields the environment that makes it the job's S3.

    `served` is filled at the end with the processor seconds that the server took from the job's machine.
    """
    command, pipe = [sys.executable, "-m", "benchmarks.s3_server", str(folder)], subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as server:
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
