"""A worker with its decoder stays within a core's memory, whatever images it is given."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from infra.config.sizing import DAEMON_MIB, WORKER_MIB
from spark_job.contract.node import DECODING_MIB
from spark_job.contract.step import PYTHON_DAEMON
from spark_job.extractors.build import build_extractor
from spark_job.images.picture import Picture
from spark_job.images.preparation import LONGEST_PREPARED_SIDE, _shortened
from tests.unit.worst_images import WORST, noise

PROJECT = Path(__file__).resolve().parents[2]
PHONE, LARGE, LARGEST = (4032, 3024), (8064, 6048), (12_000, 9_000)
STRIP = (100_000, 1_080)
QUICK = (
    "baseline.jpg",
    "progressive.jpg",
    "grey-alpha.png",
    "rgba-16-interlaced.png",
    "alpha.webp",
    "grey-16.tif",
)
NODE_CORES = 16
FREE_MIB = 4096  # left to the rest of the machine


@dataclass(frozen=True)
class Peak:
    """What became of an image, and the most that worker and decoder had resident meanwhile."""

    name: str
    error: str | None
    mebibytes: float


def start_worker(extractor: Path, images: list[Path]) -> "subprocess.Popen[str]":
    """Start a worker without Spark on these images."""
    command = [sys.executable, "-m", "tests.unit.memory_of_worker", str(extractor), *map(str, images)]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)


def peaks(worker: "subprocess.Popen[str]") -> list[Peak]:
    """What a worker says, first of itself at rest."""
    out, _ = worker.communicate()
    assert worker.returncode == 0
    return [Peak(*json.loads(line)) for line in out.splitlines()]


def worst_images(folder: Path, names: list[str], *sizes: tuple[int, int]) -> list[Path]:
    """A small photograph, then the worst of these formats in these sizes."""
    Image.new("RGB", (100, 100)).save(folder / "small.jpg")
    paths = [folder / "small.jpg"]
    for width, height in sizes:
        for name in names:
            paths.append(folder / f"{width}x{height}-{name}")
            paths[-1].write_bytes(WORST[name](width, height))
    return paths


@pytest.mark.command
def test_images_of_phones_stay_within_the_memory_to_decode_one(tmp_path, tiny_extractor):
    """12 megapixels of the formats that take most, and a strip: all are read, within what there is."""
    images = worst_images(tmp_path, [*QUICK], PHONE) + worst_images(tmp_path, ["rgb.png"], (100_000, 200))[1:]
    at_rest, *found, _ = peaks(start_worker(tiny_extractor, images))
    assert [peak.name for peak in found if peak.error] == []
    assert {p.name: p.mebibytes for p in found if p.mebibytes > at_rest.mebibytes + DECODING_MIB} == {}


@pytest.mark.command
def test_the_program_that_forks_workers_stays_within_what_an_executor_has_for_it():
    """Once an executor; the libraries that it holds are those of each worker."""
    command = [sys.executable, "-m", *PYTHON_DAEMON.values(), "pyspark.worker"]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as daemon:
        assert daemon.stdin
        assert daemon.stdout
        daemon.stdout.read(4)  # the port on which it listens: all is imported
        mebibytes = psutil.Process(daemon.pid).memory_info().rss / 1024**2
        daemon.stdin.close()
    assert 50 < mebibytes <= DAEMON_MIB


def test_a_strip_is_shortened_before_it_is_prepared():
    """Growing and measuring it would take several times its pixels; the photograph keeps its own width."""
    strip = Picture(np.full((2, 40_000, 3), 7, np.uint8), False, 40_000, 2)
    shortened = _shortened(strip)
    assert shortened.pixels.shape == (2, LONGEST_PREPARED_SIDE, 3)
    assert (shortened.width, (shortened.pixels == 7).all()) == (40_000, True)
    assert _shortened(shortened) is shortened


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.tensorflow
def test_every_format_at_every_size_stays_within_a_core(tmp_path):
    """Up to 108 megapixels; what would take more is rejected, and says so. Then many workers at once."""
    extractor = tmp_path / "extractor"
    build_extractor("mobilenet_v2", extractor, weights="random")
    images = worst_images(tmp_path, [*WORST], PHONE, LARGE, LARGEST)
    images += worst_images(tmp_path, ["rgb.png", "grey-16.png", "two-colours.bmp"], STRIP)[1:]
    images += [tmp_path / f"chance-{number}.jpg" for number in range(4)]  # 48 MB each, in flight together
    for path in images[-4:]:
        path.write_bytes(noise(*PHONE))
    _, *found = peaks(start_worker(extractor, images))
    print("\n".join(map(str, sorted(found, key=lambda peak: -peak.mebibytes))))
    assert [peak for peak in found if peak.error and not re.search("memory| MiB", peak.error)] == []
    assert [peak for peak in found if peak.mebibytes > WORKER_MIB["mobilenet_v2"]] == []

    by_name = {path.name: path for path in images}
    dearest = sorted(found[:-1], key=lambda peak: -peak.mebibytes)[:5]
    cores = min(
        NODE_CORES, int(psutil.virtual_memory().available / 1024**2 - FREE_MIB) // WORKER_MIB["mobilenet_v2"]
    )
    chosen = [images[0], *(by_name[peak.name] for peak in dearest)]
    workers = [start_worker(extractor, chosen) for _ in range(cores)]
    together = [peak for worker in workers for peak in peaks(worker)]
    print(f"{cores} workers at once:", max(peak.mebibytes for peak in together), "MiB")
    assert [peak for peak in together if peak.mebibytes > WORKER_MIB["mobilenet_v2"]] == []
