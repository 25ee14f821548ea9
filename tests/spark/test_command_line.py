"""The command line: exit codes, one-line errors, and the packaged job under spark-submit."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pyspark
import pytest

from spark_job.command_line import main
from spark_job.contract.java import find_java_home
from tests.spark import photographs
from tests.spark.processes import PROJECT, left_behind, start
from tests.spark.runs import RunResults


def answer(words, monkeypatch, capsys):
    """(exit code, stdout, stderr) of a command that is refused before Spark starts."""
    monkeypatch.setattr(sys, "argv", ["spark_job", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        main()
    printed = capsys.readouterr()
    return caught.value.code, printed.out, printed.err


BASE = ["run", "--images", "/data/photos", "--results", "/data/results", "--extractor", "/data/lite0"]
REFUSED = {
    "--variance=1.5": "--variance 1.5: give a number above 0 and at most 1",
    "--variance=0": "--variance 0: give a number above 0 and at most 1",
    "--components=0": "--components 0: give a whole number of at least 1",
    "--components=many": "--components many: give a whole number of at least 1",
    "--variance=0.9 --components=3": "--variance and --components exclude each other: give one",
    "--sample=3 --sample-per-class=3": "--sample and --sample-per-class exclude each other: give one",
    "--engine=torch": "--engine torch: give openvino or tensorflow",
    "--engine=tensorflow --precision=bf16": (
        "--precision bf16: the engine tensorflow runs f32 only: use --precision f32"
    ),
    "--max-seconds=0": "--max-seconds 0: give a number above 0",
    "--run-id=../x": (
        "--run-id '../x': letters, digits, '.', '_' and '-' are allowed, 128 at most, "
        "the first a letter or digit"
    ),
    "--results=/data/photos/out": (
        "--results /data/photos/out lies inside --images /data/photos: its pictures would be taken for "
        "photographs by the next run; choose a folder outside"
    ),
    "--results=/data/[1]": (
        "--results '/data/[1]': Spark reads * ? [ ] { } \\ as patterns: choose another folder"
    ),
    "--images=/data/photos/a": (
        "--images /data/photos and /data/photos/a overlap: images in both would count twice; give one"
    ),
    "--images=ftp://host/x": "'ftp://host/x': only local folders, file:// and s3:// are read and written",
}  # fmt: skip


@pytest.mark.parametrize("options", REFUSED)
def test_a_bad_option_exits_with_2_and_one_line(options, monkeypatch, capsys):
    """The whole text: what was seen and what is allowed; nothing on stdout."""
    words = [*BASE, *options.split()]
    assert answer(words, monkeypatch, capsys) == (2, "", f"Error: {REFUSED[options]}\n")


@pytest.mark.parametrize("missing", ["--images", "--results", "--extractor"])
def test_a_missing_option_is_named(missing, monkeypatch, capsys):
    """Each of the three that a run cannot do without."""
    words = list(BASE)
    at = words.index(missing)
    del words[at : at + 2]
    code, out, err = answer(words, monkeypatch, capsys)
    assert (code, out) == (2, "")
    assert err == f"Error: Missing option '{missing}'. See `spark_job run --help`\n"


def test_a_folder_that_is_no_extractor_says_how_to_make_one(monkeypatch, capsys, tmp_path):
    """Exit 1, one line after the run's id, with the command."""
    words = ["run", "--images", tmp_path, "--results", tmp_path.parent / "r", "--extractor", tmp_path]
    code, out, err = answer([*words, "--run-id=x"], monkeypatch, capsys)
    assert (code, out) == (1, "")
    assert err == (
        f"run x\nError: {tmp_path} is no extractor: it has no extractor.json; make one with "
        f"`fruit extractor build MODEL --out {tmp_path}`\n"
    )
    (tmp_path / "lite0").mkdir()
    (tmp_path / "lite0" / "extractor.json").touch()
    assert f"extractor.json; did you mean {tmp_path}/lite0?" in answer(words, monkeypatch, capsys)[2]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder with every difficult character in its name."""
    folder = tmp_path_factory.mktemp("archive") / "my photographs #1, 100% été+"
    return photographs.write_archive(folder, {"a": 5, "b": 4})


OF_ANOTHER_SPARK = {
    "SPARK_HOME": "/opt/spark-3.1.2",
    "SPARK_CONF_DIR": "/etc/none",
    "PYSPARK_PYTHON": "/usr/bin/python3",
    "PYSPARK_SUBMIT_ARGS": "--master yarn",
}


def test_a_run_prints_its_results_and_leaves_no_process(images, tiny_extractor, tmp_path):
    """The results on stdout, the run's id and progress on stderr; exit 0, whatever other Spark there is."""
    scratch = tmp_path / 'scratch of "été"'
    scratch.mkdir()
    words = ["-m", "spark_job", "run", "--images", images, "--results", tmp_path / "my results"]
    process, tag = start(
        [*words, "--extractor", tiny_extractor, "--run-id", "first", "--components=3"],
        {**OF_ANOTHER_SPARK, "TMPDIR": str(scratch)},
    )
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert left_behind(tag) == []
    lines = out.splitlines()
    assert lines[0] == "images    9 listed = 9 usable + 0 rejected + 0 skipped"
    assert f"results   {tmp_path}/my results/first" in lines
    stages = ["listing …", "features …", "reduction …", "report …"]
    assert [line for line in err.splitlines() if line in ("run first", *stages)] == ["run first", *stages]
    found = RunResults(tmp_path / "my results" / "first")
    assert len(found.csv("components.csv")) == 9


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """`spark_job.zip` as `make package` packs it."""
    path = tmp_path_factory.mktemp("dist") / "spark_job.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted((PROJECT / "spark_job").rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, file.relative_to(PROJECT))
    return path


def test_spark_submit_runs_the_packaged_job_from_anywhere(package, images, tiny_extractor, tmp_path):
    """The entry file and the zip are all it needs; the manifest names the same code as a checkout's."""
    from spark_job.provenance import code_hash

    entry = tmp_path / "entry" / "main.py"
    entry.parent.mkdir()
    entry.write_bytes((PROJECT / "spark_job" / "main.py").read_bytes())
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"JAVA_HOME": find_java_home(), "SPARK_LOCAL_IP": "127.0.0.1"}
    environment["PYSPARK_PYTHON"] = sys.executable
    answered = subprocess.run(
        [
            Path(pyspark.__file__).parent / "bin" / "spark-submit",
            *("--master", "local[2]", "--conf", "spark.ui.enabled=false", "--py-files", package, entry),
            *("run", "--images", images, "--results", tmp_path / "results"),
            *("--extractor", tiny_extractor, "--run-id", "submitted", "--components", "2"),
        ],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answered.returncode == 0, answered.stderr
    found = RunResults(tmp_path / "results" / "submitted")
    assert found.metrics["images"]["usable"] == 9
    assert (found.folder / "report" / "index.html").stat().st_size > 10_000
    assert found.json("manifest.json")["code"]["sha256"] == code_hash()
