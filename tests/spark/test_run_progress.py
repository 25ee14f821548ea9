"""`progress.json` counts images, not tasks, while a run computes them."""

from spark_job.contract.run_layout import PROGRESS
from spark_job.pipeline import feature_stage, progress
from spark_job.pipeline.run_folder import RunFolder
from tests.spark import doubles, photographs
from tests.spark.runs import run


def test_progress_is_by_image(tiny_extractor, tmp_path, monkeypatch, capfd):
    """In the middle of a task its images count; the last file says that the run is complete."""
    images = photographs.write_archive(tmp_path / "images", {"a": 30})
    (images / "a" / "empty.jpg").touch()
    written, write = [], RunFolder.write_json

    def noted(folder, name, value):
        if name == PROGRESS:
            written.append(value)
        write(folder, name, value)

    monkeypatch.setattr(RunFolder, "write_json", noted)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN", 0.1)
    monkeypatch.setattr(feature_stage, "worker_engine", doubles.worker_engine_of(doubles.SlowEngine))
    found = run(images, tmp_path, tiny_extractor)
    middle = [one for one in written if one["stage"] == "features" and 0 < one["done"] < 31]
    assert middle
    assert middle[-1]["total"] == 31
    assert middle[-1]["images_per_second"] > 0
    last = found.json(PROGRESS)
    assert (last["stage"], last["done"], last["rejected"], last["reason"], last["nodes"]) == (
        "complete",
        30,
        1,
        "the file is empty",
        1,
    )
    assert f"features: {middle[-1]['done']} of 31 images" in capfd.readouterr().err
