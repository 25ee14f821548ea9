"""A run that was stopped goes on where it was, with the results of one that never was."""

import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from functools import partial
from itertools import product
from math import ceil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks.photographs import drawn_photographs, folder_of
from spark_job.contract.errors import MisuseError
from spark_job.contract.run_options import ComponentRequest
from spark_job.errors import JobError
from spark_job.features import table
from spark_job.pipeline import feature_stage
from spark_job.pipeline.run_folder import newest_unfinished
from spark_job.pipeline.stage_results import STAGES
from spark_job.storage import Folder
from tests.spark import doubles, photographs
from tests.spark.processes import PROJECT, left_behind, start
from tests.spark.runs import RunResults, run

OUTPUTS = {
    "listing": ["run.json", "listing", "stages/listing.json"],
    "features": ["features", "rejected.csv", "stages/features.json"],
    "reduction": ["reduction", "components.csv", "stages/reduction.json"],
    "report": ["report", "stages/report.json"],
}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Two classes, and one file that cannot be used."""
    folder = photographs.write_archive(tmp_path_factory.mktemp("archive") / "images", {"a": 7, "b": 6})
    (folder / "b" / "empty.jpg").touch()
    return folder


@pytest.fixture(scope="module")
def undisturbed(images, tiny_extractor, tmp_path_factory):
    """The same run without any accident."""
    return run(images, tmp_path_factory.mktemp("undisturbed"), tiny_extractor)


def copy_stages(source: Path, target: Path, names: list[str]) -> None:
    """A run that is complete up to some stage."""
    for name in (output for stage in names for output in OUTPUTS[stage]):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name)
        else:
            shutil.copy2(source / name, target / name)


def snapshot(folder: Path) -> dict[str, int]:
    """Every file with the time it was written."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()
    }


def assert_same_results(found: RunResults, expected: RunResults) -> None:
    """Tables, CSV files and counts; components within rounding."""
    assert found.features == expected.features
    assert found.rejected == expected.rejected
    key = ("path", "label", "split", "size")
    rows = [[[row[name] for name in key] for row in one.components] for one in (found, expected)]
    assert rows[0] == rows[1]
    numbers = [np.array([row["components_array"] for row in one.components]) for one in (found, expected)]
    np.testing.assert_allclose(numbers[0], numbers[1], atol=1e-9)
    assert [row["path"] for row in found.csv("components.csv")] == [
        row["path"] for row in expected.csv("components.csv")
    ]
    assert found.metrics["images"] == expected.metrics["images"]
    assert found.metrics["reduction"] == pytest.approx(expected.metrics["reduction"])
    assert found.json("manifest.json")["outputs"] == expected.json("manifest.json")["outputs"]
    assert {path.name for path in found.folder.iterdir()} == {path.name for path in expected.folder.iterdir()}
    assert not list(found.folder.rglob("_temporary"))


def kill_driver(source: Path, target: Path, options: dict[str, object], stage: str, point: str) -> list[str]:
    """Begin with the stages before as an earlier driver left them, and die; what stays behind."""
    before = list(STAGES)[: list(STAGES).index(stage)]
    copy_stages(source, target / "run", before)
    given = json.dumps({**options, "results": str(target), "resume": bool(before)})
    driver, tag = start(["-m", "tests.spark.killed_driver", stage, point, given], cwd=PROJECT)
    _, errors = driver.communicate(timeout=240)
    assert driver.returncode == -signal.SIGKILL, errors
    return left_behind(tag)


# In the middle of writing features, and between two stages; every other place takes minutes together.
QUICK = {("features", "in"), ("reduction", "after")}
PLACES = [
    pytest.param(*place, marks=() if place in QUICK else pytest.mark.long)
    for place in product(STAGES, ("in", "after"))
]


@pytest.mark.parametrize(("stage", "point"), PLACES)
def test_a_run_killed_in_or_after_any_stage_goes_on(
    stage, point, images, undisturbed, tiny_extractor, tmp_path
):
    """Nothing complete is computed twice, nothing is missing or double, and no process stays behind."""
    options: dict[str, object] = {"images": str(images), "extractor": str(tiny_extractor)}
    assert kill_driver(undisturbed.folder, tmp_path, options, stage, point) == []
    folder, names = tmp_path / "run", list(STAGES)
    before = names[: names.index(stage)]
    assert not (folder / "manifest.json").exists()
    complete = before + ([stage] if point == "after" else [])
    kept = snapshot(folder)
    lines = []
    resumed = run(images, tmp_path, tiny_extractor, resume=True, say=lines.append)
    assert lines == [f"{name}: complete already" if name in complete else f"{name} …" for name in names]
    now = snapshot(folder)
    for name in complete:
        for output in OUTPUTS[name]:
            assert {file: at for file, at in now.items() if file.startswith(output)} == {
                file: at for file, at in kept.items() if file.startswith(output)
            }, output
    assert_same_results(resumed, undisturbed)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_driver_killed_at_95_percent_computes_little_again(tiny_extractor, tmp_path):
    """Of 100,000 images: those of the parts that were being computed, 2,000 for each task at most."""
    many = folder_of(100_000, drawn_photographs(tmp_path / "drawn"), tmp_path / "images")
    whole = run(many, tmp_path / "whole", tiny_extractor)
    enough = ceil(0.95 * len(parts(whole.folder)))
    options: dict[str, object] = {"images": str(many), "extractor": str(tiny_extractor)}
    assert kill_driver(whole.folder, tmp_path, options, "features", str(enough)) == []
    kept, computed = snapshot(tmp_path / "run/features"), RunResults(tmp_path / "run").json("progress.json")
    finished = sum(pq.read_metadata(path).num_rows for path in (tmp_path / "run/features").glob("*.parquet"))
    resumed = run(many, tmp_path, tiny_extractor, resume=True)
    assert kept.items() <= snapshot(resumed.folder / "features").items()
    again_at_most = table.IMAGES_PER_TASK * (os.cpu_count() or 1)
    assert finished >= 95_000 - again_at_most
    assert computed["stage"] == "features"
    assert 0 < computed["done"] <= finished + again_at_most
    assert_same_results(resumed, whole)


def engine(monkeypatch, load: Callable[[], object]) -> None:
    """What the workers compute with."""
    monkeypatch.setattr(feature_stage, "worker_engine", doubles.worker_engine_of(load))


def parts(folder: Path) -> dict[str, bytes]:
    """The parts of the features table by their names."""
    return {path.name: path.read_bytes() for path in (folder / "features").iterdir()}


@pytest.fixture
def dealt_by_twos(images, tiny_extractor, tmp_path, monkeypatch):
    """A run of seven parts without any accident, one that stopped in the middle, and what was computed."""
    monkeypatch.setattr(table, "IMAGES_PER_TASK", 2)
    counter = tmp_path / "counter"
    engine(monkeypatch, partial(doubles.CountingEngine, str(counter)))
    whole = run(images, tmp_path / "whole", tiny_extractor)
    counter.unlink()
    engine(monkeypatch, partial(doubles.FailingEngine, str(counter), 9))
    with pytest.raises(JobError, match=r"the token has expired; .* run the same command .* --resume"):
        run(images, tmp_path, tiny_extractor)
    counter.unlink()
    engine(monkeypatch, partial(doubles.CountingEngine, str(counter)))
    monkeypatch.setattr(table, "IMAGES_PER_TASK", 5)  # another cluster would deal otherwise
    return whole, tmp_path / "run", counter


def test_a_run_goes_on_behind_the_parts_that_are_finished(
    dealt_by_twos, images, tiny_extractor, tmp_path, capsys
):
    """Only images that no part holds are computed; to the byte the results of an undisturbed run."""
    whole, stopped, counter = dealt_by_twos
    before, kept = parts(stopped), snapshot(stopped / "features")
    assert 2 <= len(before) < len(parts(whole.folder)) == 7
    (stopped / "features" / "part-000006.parquet#1").write_bytes(
        b"half a part"
    )  # of a driver that was killed
    resumed = run(images, tmp_path, tiny_extractor, resume=True)
    told = re.search(
        r"features: (\d) of 7 parts are finished and kept, the rest is done anew\n", capsys.readouterr().err
    )
    # A task of the run that stopped may have finished its part meanwhile.
    assert told
    assert len(before) <= int(told[1]) < 7
    assert parts(stopped) == parts(whole.folder)
    assert kept.items() <= snapshot(stopped / "features").items()
    finished = {row["path"] for name in before for row in resumed.table(f"features/{name}")}
    usable = {row["path"] for row in resumed.features if row["error"] is None}
    assert counter.stat().st_size == len(usable - finished)
    assert_same_results(resumed, whole)


def test_a_part_that_is_not_what_it_should_be_is_computed_again(
    dealt_by_twos, images, tiny_extractor, tmp_path
):
    """One of other images, and one that is damaged; both would spoil the results."""
    whole, stopped, _ = dealt_by_twos
    first, second = sorted(parts(stopped))[:2]
    (stopped / "features" / first).write_bytes(parts(stopped)[second])
    (stopped / "features" / second).write_bytes(b"PAR1")
    run(images, tmp_path, tiny_extractor, resume=True)
    assert parts(stopped) == parts(whole.folder)


def test_resuming_a_complete_run_is_a_success_with_nothing_to_do(undisturbed, images, tiny_extractor):
    """Not one file is written."""
    before, lines = snapshot(undisturbed.folder), []
    run(images, undisturbed.folder.parent, tiny_extractor, resume=True, say=lines.append)
    assert lines == [f"{undisturbed.folder} is complete: nothing to do"]
    assert snapshot(undisturbed.folder) == before


def test_resuming_what_does_not_exist_says_that_a_run_begins(images, tiny_extractor, tmp_path):
    """A note, no error: a deploy's own run always asks for it. Without a name the command line says one."""
    lines: list[str] = []
    with pytest.raises(MisuseError):
        run(images / "none", tmp_path, tiny_extractor, resume=True, say=lines.append)
    assert lines[0] == f"note: there is no {tmp_path}/run to go on with: a new run begins"
    assert newest_unfinished(Folder(str(tmp_path))) is None
    for name, minute in (("first", 1), ("second", 3), ("third", 2)):
        Folder(f"{tmp_path}/{name}").write("progress.json", b'{"written": "2026-01-01T00:0%d"}' % minute)
    assert newest_unfinished(Folder(str(tmp_path))) == "second"


def test_a_complete_run_is_never_overwritten(undisturbed, images, tiny_extractor):
    """Without --resume it is an error that says what to do; not one file is written."""
    before = snapshot(undisturbed.folder)
    with pytest.raises(MisuseError) as caught:
        run(images, undisturbed.folder.parent, tiny_extractor)
    assert caught.value.exit_code == 2
    assert str(caught.value) == (
        f"{undisturbed.folder} holds a complete run, which is never overwritten: choose another --run-id"
    )
    assert snapshot(undisturbed.folder) == before


def test_an_unfinished_run_says_so(undisturbed, images, tiny_extractor, tmp_path):
    """And how to go on."""
    copy_stages(undisturbed.folder, tmp_path / "run", ["listing"])
    with pytest.raises(MisuseError) as caught:
        run(images, tmp_path, tiny_extractor)
    assert caught.value.exit_code == 2
    assert str(caught.value) == (
        f"{tmp_path}/run holds an unfinished run, which is never overwritten: "
        "add --resume to go on with it, or choose another --run-id"
    )


@pytest.mark.parametrize("state", ["complete", "unfinished"])
def test_resuming_with_other_parameters_says_which_differ(
    state, undisturbed, images, tiny_extractor, tmp_path
):
    """Whether the run is complete or not, it exits with 2."""
    copy_stages(undisturbed.folder, tmp_path / "run", ["listing"])
    if state == "complete":
        shutil.copy(undisturbed.folder / "manifest.json", tmp_path / "run")
    with pytest.raises(MisuseError) as caught:
        run(images, tmp_path, tiny_extractor, resume=True, seed=7, request=ComponentRequest(0.9))
    assert caught.value.exit_code == 2
    article = "a complete run" if state == "complete" else "an unfinished run"
    assert str(caught.value) == (
        f"{tmp_path}/run holds {article} with other parameters "
        "(request: {'variance': None, 'components': 2, 'standardize': True}, "
        "now {'variance': 0.9, 'components': None, 'standardize': True}; seed: 0, now 7): "
        "choose another --run-id"
    )


def test_resuming_with_another_extractor_says_so(undisturbed, images, other_extractor):
    """Its features would not be the same."""
    with pytest.raises(MisuseError, match=r"with other parameters \(extractor: '.*/tiny', now '.*/other'\)"):
        run(images, undisturbed.folder.parent, other_extractor, resume=True)


def test_a_folder_of_something_else_is_left_alone(images, tiny_extractor, tmp_path):
    """A folder that is not empty and holds no run is not for a run."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "holiday.txt").write_text("mine")
    with pytest.raises(MisuseError) as caught:
        run(images, tmp_path, tiny_extractor)
    assert str(caught.value) == (
        f"{tmp_path}/run is not empty and holds no run: choose another --run-id or --results"
    )
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["holiday.txt"]
