"""The manifests of a results folder: read side by side, however many there are and however slow the store."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from spark_job.pipeline.run_folder import complete_runs, write_index
from spark_job.storage import Folder

RUNS = 200
READ_SECONDS = 0.025
AT_ONCE = 8  # at least, of the 32 that may wait side by side


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let every read of a folder take 25 ms; return how many waited when each began, itself included."""
    read, begun, ended = Folder.read, list[int](), list[int]()

    def read_slowly(folder: Folder, name: str) -> bytes | None:
        begun.append(len(begun) + 1 - len(ended))
        time.sleep(READ_SECONDS)
        ended.append(1)
        return read(folder, name)

    monkeypatch.setattr(Folder, "read", read_slowly)
    return begun


@pytest.fixture
def results(tmp_path: Path) -> Folder:
    """Return a folder of many complete runs and an unfinished one."""
    for number in range(RUNS):
        place = tmp_path / f"run-{number:03}"
        place.mkdir()
        created = f"2026-01-01T00:{number // 60:02}:{number % 60:02}+00:00"
        (place / "manifest.json").write_text(json.dumps({"run_id": place.name, "created": created}))
    (tmp_path / "unfinished").mkdir()
    return Folder(str(tmp_path))


def test_many_manifests_are_read_side_by_side(results: Folder, waiting: list[int]) -> None:
    """The answer names the complete runs, in order."""
    runs = complete_runs(results)
    assert max(waiting) >= AT_ONCE
    assert [manifest.run_id for _, manifest in runs] == [f"run-{number:03}" for number in range(RUNS)]
    assert all(run.uri.endswith(manifest.run_id) for run, manifest in runs)


def test_the_index_of_many_runs_reads_them_side_by_side(results: Folder, waiting: list[int]) -> None:
    """Each complete run is in it, the latest first; manifest and metrics of a run are two reads."""
    write_index(results)
    assert len(waiting) >= 2 * RUNS
    assert sum(at_once >= AT_ONCE for at_once in waiting) > RUNS
    page = (Path(results.uri) / "index.html").read_text()
    assert "unfinished" not in page
    assert page.index("run-199/report/index.html") < page.index("run-000/report/index.html")


def test_a_folder_of_something_else_is_no_run_and_ends_none(tmp_path: Path) -> None:
    """Whatever its manifest.json holds; a run has the accuracy of the newest train made from it."""
    created = "2026-01-0{}T00:00:00+00:00"
    foreign = ["[]", "{", '{"name": "a web page"}', '{"run_id": 7, "created": "today"}']
    foreign.append('{"run_id": "x", "created": "yesterday"}')
    odd: list[dict[str, Any]] = [{"parents": [7]}, {"parents": "a"}, {"extractor": ["x"]}, {"kind": 1}]
    odd.append({"extractor": {"specification": "x"}})
    foreign += [json.dumps({"run_id": "x", "created": created.format(1), **more}) for more in odd]
    manifests = {f"foreign-{number}": text for number, text in enumerate(foreign)}
    manifests["mine"] = json.dumps({"run_id": "mine", "created": created.format(1)})
    for day, accuracy in ((3, 0.75), (2, 0.5)):
        manifest = {
            "run_id": f"t{day}",
            "kind": "train",
            "created": created.format(day),
            "parents": ["a/mine"],
        }
        manifests[f"t{day}"] = json.dumps(manifest)
        metrics = {"classifier": {"accuracy": accuracy}, "images": "many", "seconds": {"total": "long"}}
        (tmp_path / f"t{day}").mkdir()
        (tmp_path / f"t{day}" / "metrics.json").write_text(json.dumps(metrics))
    for name, text in manifests.items():
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "manifest.json").write_text(text)
    for number, metrics_text in enumerate(("[7]", "{", '{"images": {"usable": NaN, "rejected": true}}')):
        (tmp_path / f"odd-{number}").mkdir()
        (tmp_path / f"odd-{number}" / "manifest.json").write_text(manifests["mine"])
        (tmp_path / f"odd-{number}" / "metrics.json").write_text(metrics_text)
    write_index(Folder(str(tmp_path)))
    page = (tmp_path / "index.html").read_text()
    assert "foreign" not in page
    assert page.count('data-order="0.75"') == 2  # of t3, and of mine
    assert page.count('data-order="0.5"') == 1
