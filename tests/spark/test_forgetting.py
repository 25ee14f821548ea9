"""`fruit forget`: nothing names or shows an image afterwards, on a disk and in S3; a stopped one goes on."""

import json
import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.moto_api._internal import moto_api_backend
from moto.server import ThreadedMotoServer

from fruit.command_line import cli
from operate.erasure import versions as s3_versions
from spark_job.analyses.grouping.analysis import group
from spark_job.command_line import run_command_line
from spark_job.contract.manifest import Manifest, write_json
from spark_job.storage import Folder, open_store
from tests.analyses.recognition_runs import spark
from tests.aws.conftest import REGION, make_storage
from tests.spark import photographs
from tests.spark.runs import RunResults, run

JANE, ODD, EMPTY = "people/Jane/000.jpg", "=é#1/001.jpg", "a b/empty.jpg"
KNOWS_JANE = "classifier/classifier/classifier.json"
BUCKET = "s3://fruit-images"


@pytest.fixture(scope="module")
def made(tmp_path_factory, tiny_extractor) -> Path:
    """Photographs; a run, one that reuses its rows, an analysis of it with pictures, a classifier."""
    folder = tmp_path_factory.mktemp("forget")
    images = photographs.write_archive(folder / "images", {"a b": 5, "=é#1": 5, "people/Jane": 1})
    (images / EMPTY).touch()
    results = folder / "results"
    run(images, results, tiny_extractor, "first")
    run(images, results, tiny_extractor, "second", previous=str(results / "first"))
    first = str(results / "first")
    group(first, str(results), spark, lambda line: None, k=2, run_id="groups")
    write_classifier(results / "classifier", first, f"{images}/{JANE}")
    unfinished = results / "unfinished"
    shutil.copytree(results / "second", unfinished)
    (unfinished / "manifest.json").unlink()
    return folder


def write_classifier(folder: Path, trained_on: str, image: str) -> None:
    """What `train` leaves, as far as it matters here: its report shows an image, its model knows a class."""
    manifest = Manifest(
        run_id="classifier", created="2026-11-28T12:00:00+00:00", kind="train", parents=(trained_on,)
    )
    files = {
        "run.json": b"{}",
        "manifest.json": write_json(manifest.to_json()),
        "metrics.json": write_json({"classifier": {"training_images": 9}}),
        "report/index.html": f"<img alt='{image}'>".encode(),
        "report/confusion_matrix.png": b"png",
        "classifier/classifier.json": b'{"classes": ["a b", "Jane"]}',
    }
    for name, content in files.items():
        Folder(str(folder)).write(name, content)


@pytest.fixture
def archive(made, tmp_path) -> Path:
    """A copy of it that a test may change; the paths in its runs are those of the copy."""
    shutil.copytree(made, tmp_path / "copy")
    rename(tmp_path / "copy" / "results", str(made), str(tmp_path / "copy"))
    return tmp_path / "copy"


def rename(results: Path, before: str, after: str) -> None:
    """Give the images of these runs other addresses, as if the runs had been made of those."""
    for path in results.rglob("*"):
        if path.suffix == ".parquet" and "model" not in path.parts:
            table = pq.read_table(path)
            if "path" in table.column_names:
                place = table.column_names.index("path")
                paths = [text.replace(before, after) for text in table["path"].to_pylist()]
                table = table.set_column(place, table.schema.field("path"), pa.array(paths, pa.string()))
                pq.write_table(table, path)
        elif path.suffix in (".json", ".csv", ".tsv", ".html"):
            path.write_text(path.read_text().replace(before, after))


def names_left(folder: Path, name: str) -> list[str]:
    """The files that name it, tables by their rows, all others by their bytes."""
    found = []
    for path in folder.rglob("*"):
        if path.suffix == ".parquet":
            text = str([row.get("path") for row in pq.read_table(path).to_pylist()])
        else:
            text = path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""
        if name in text:
            found.append(path.relative_to(folder).as_posix())
    return found


def forget(*words: str) -> int:
    """Call `fruit forget`; its exit code."""
    return fruit("forget", *words)


def fruit(*words: str) -> int:
    """Call a command; its exit code."""
    try:
        run_command_line(cli, words, "fruit")
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def local(archive: Path, name: str, *words: str) -> list[str]:
    return [f"{archive}/images/{name}", "--local", f"--results={archive}/results", "--yes", *words]


@pytest.mark.parametrize("names", [["people/Jane/"], [ODD, EMPTY]])
def test_nothing_names_a_forgotten_image(archive, names, capsys):
    """Neither tables nor CSV files nor reports do; all other images are there as before; models are named."""
    results, other = archive / "results", f"{archive}/images/a b/000.jpg"
    paths = tuple(f"{archive}/images/{name}" for name in names)
    before = {run_id: RunResults(results / run_id).features for run_id in ("first", "second")}
    thumbnails = [row["thumbnail"] for row in before["first"] if row["path"].startswith(paths)]
    request = [*paths[1:], *local(archive, names[0])]
    shutil.copytree(results / "second", archive / "kept")
    assert all(len(names_left(results, path)) > 5 for path in paths)
    assert forget(*request, "--dry-run") == 0
    assert all(len(names_left(results, path)) > 5 for path in paths)
    assert forget(*request) == 0
    said = capsys.readouterr().err
    assert "stays: the PCA of first, fitted with 1 of 11 images" in said
    assert "stays: the classifier of classifier, fitted with 1 of 9 images" in said
    assert [left for path in paths for left in names_left(results, path)] == []
    if "Jane" in paths[0]:  # a class without images is named by the classifier that knows it alone
        assert names_left(results, "Jane") == [KNOWS_JANE]
    for run_id, rows in before.items():
        kept = [row for row in rows if not row["path"].startswith(paths)]
        assert RunResults(results / run_id).features == kept
        assert {"components.csv", "report/metadata.tsv"} <= set(names_left(results / run_id, other))
        page = (results / run_id / "report" / "index.html").read_text()
        assert other in page
        assert not any(thumbnail and b64encode(thumbnail).decode() in page for thumbnail in thumbnails)
    assert [one.name for one in (results / "unfinished").iterdir() if one.is_file()] == ["run.json"]
    assert not any(Path(path).is_file() for path in paths)
    record = json.loads(next((results / "erasures/records").iterdir()).read_text())
    assert record["state"] == "done"
    assert not any(name.strip("/") in json.dumps(record) for name in names)
    look = ["audit", f"--erased={record['id']}", "--local", f"--results={results}"]
    assert fruit(*look) == 0
    assert "nothing of it is left" in capsys.readouterr().out
    for again in (
        "components.csv",
        "report/index.html",
        "report/metadata.tsv",
        "listing/part-000000.parquet",
    ):
        now = (results / "second" / again).read_bytes()
        shutil.copy(archive / "kept" / again, results / "second" / again)
        assert fruit(*look) == 1
        assert capsys.readouterr().out.splitlines()[0] == f"{results}/second/{again}"
        (results / "second" / again).write_bytes(now)
    written = {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.is_file()}
    for words in ([], ["--dry-run"]):
        assert forget(*request, *words) == 0
        assert "check the name" in capsys.readouterr().out
    assert written == {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.is_file()}


def test_a_forgotten_photograph_is_passed_over_under_any_name(archive, tiny_extractor):
    """Its content is known again; no picture of it is shown."""
    photograph = (archive / "images" / JANE).read_bytes()
    assert forget(*local(archive, JANE)) == 0
    (archive / "images" / "a b" / "new.jpg").write_bytes(photograph)
    found = run(archive / "images", archive / "results", tiny_extractor, "third")
    assert found.rejected["new.jpg"].startswith("this photograph was erased with `fruit forget`")
    row = next(row for row in found.features if row["path"].endswith("new.jpg"))
    assert row["features"] is row["thumbnail"] is None


class Killed(BaseException):
    """What a test throws where a machine would stop."""


def kill(*_arguments: object) -> None:
    """Stop here."""
    raise Killed


def kill_at(monkeypatch: pytest.MonkeyPatch, number: int) -> Callable[[], int]:
    """Stop before the write of this number; returns what counts the writes."""
    written = 0

    def counted(patched: type | object, name: str) -> None:
        original = getattr(patched, name)

        def before(*arguments, **options):
            nonlocal written
            written += 1
            if written == number:
                raise Killed
            return original(*arguments, **options)

        monkeypatch.setattr(patched, name, before)

    for name in ("write", "open_writer", "clear"):
        counted(Folder, name)
    counted(s3_versions, "remove_versions")
    return lambda: written


def check_that_a_stopped_one_goes_on(archive, monkeypatch, number: int) -> int:
    """Forget, stopped before a write; then again, and nothing is left. Returns how many writes there were."""
    with monkeypatch.context() as patch:
        count = kill_at(patch, number)
        with pytest.raises(Killed):
            forget(*local(archive, JANE))
        writes = count()
    assert forget(*local(archive, JANE)) == 0
    assert names_left(archive / "results", "Jane") == [KNOWS_JANE]
    assert not (archive / "images" / JANE).exists()
    assert all('"done"' in one.read_text() for one in (archive / "results/erasures/records").iterdir())
    return writes


@pytest.mark.parametrize("number", [3, 12, 22])
def test_a_stopped_one_goes_on(archive, monkeypatch, number):
    """At its begin, among the analyses, and between the tables of a run."""
    check_that_a_stopped_one_goes_on(archive, monkeypatch, number)


@pytest.mark.long
def test_a_stopped_one_goes_on_wherever_it_was(made, tmp_path, monkeypatch):
    """Before each of its writes."""
    with monkeypatch.context() as patch:
        count = kill_at(patch, -1)
        shutil.copytree(made, tmp_path / "all")
        rename(tmp_path / "all" / "results", str(made), str(tmp_path / "all"))
        forget(*local(tmp_path / "all", JANE))
        writes = count()
    assert writes > 25
    for number in range(1, writes + 1):
        archive = tmp_path / str(number)
        shutil.copytree(made, archive)
        rename(archive / "results", str(made), str(archive))
        check_that_a_stopped_one_goes_on(archive, monkeypatch, number)
        shutil.rmtree(archive)


@pytest.fixture
def s3(archive, monkeypatch) -> Iterator[object]:
    """The archive in a deployment of moto's; the results have been written twice, one image three times."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    moto.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*moto.get_host_and_port()))
    monkeypatch.setenv("AWS_REGION", REGION)
    open_store.cache_clear()
    client = boto3.client("s3", REGION)
    make_storage()
    for bucket in ("fruit-images", "fruit-results", "fruit-logs"):
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    rename(archive / "results", f"{archive}/images", BUCKET)
    for bucket, folder, prefix in (
        ("fruit-images", archive / "images", ""),
        ("fruit-results", archive / "results", "runs/"),
        ("fruit-results", archive / "results", "runs/"),
    ):
        for path in folder.rglob("*"):
            if path.is_file():
                client.upload_file(str(path), bucket, prefix + path.relative_to(folder).as_posix())
    client.put_object(Bucket="fruit-images", Key=JANE, Body=b"an older one")
    client.delete_object(Bucket="fruit-images", Key=JANE)
    client.put_object(Bucket="fruit-logs", Key="emr/j-1/stderr", Body=f"lost {BUCKET}/{JANE}\n".encode())
    client.put_object(Bucket="fruit-logs", Key="emr/j-1/stdout", Body=b"nothing")
    yield client
    moto_api_backend.reset()
    moto.stop()
    open_store.cache_clear()


def everything(client, folder: Path) -> Path:
    """Every version of every object of the buckets, as files."""
    for bucket in ("fruit-images", "fruit-results", "fruit-logs"):
        for number, one in enumerate(s3_versions.list_versions(client, bucket)):
            if not one.is_marker:
                path = folder / bucket / str(number) / one.key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(client.get_object(**one.place)["Body"].read())
    return folder


def test_no_version_of_anything_in_s3_names_a_forgotten_image(s3, tmp_path, capsys):
    """Photographs, tables, reports and logs; what was overwritten goes too; requests are counted before.

    The photograph is not uploaded again, under another name.
    """
    photograph = s3.get_object(Bucket="fruit-images", Key=JANE, VersionId=version_of(s3, JANE))["Body"].read()
    assert forget(JANE, "--yes") == 0
    said = capsys.readouterr().err
    assert "requests, 0.0" in said
    assert "fruit-images: 3 versions and markers" in said
    left = everything(s3, tmp_path / "left")
    assert names_left(left, JANE) == []
    keys = {one.key for one in s3_versions.list_versions(s3, "fruit-images")}
    assert keys == {f"{label}/{number:03}.jpg" for label in ("a b", "=é#1") for number in range(5)} | {EMPTY}
    assert {one.key for one in s3_versions.list_versions(s3, "fruit-logs")} == {"emr/j-1/stdout"}
    assert "report/index.html" in str(names_left(left, f"{BUCKET}/a b/000.jpg"))
    assert forget(JANE, "--yes") == 0
    assert "nothing to do" in capsys.readouterr().out
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "new.jpg").write_bytes(photograph)
    assert fruit("upload", str(tmp_path / "again")) == 1
    assert "new.jpg: this photograph was erased" in capsys.readouterr().err
    assert {one.key for one in s3_versions.list_versions(s3, "fruit-images")} == keys
    record = next(one.key for one in s3_versions.list_versions(s3, "fruit-results", "erasures/records/"))
    assert fruit("audit", f"--erased={record}") == 0
    s3.put_object(Bucket="fruit-images", Key="other/name.jpg", Body=photograph)
    s3.put_object(Bucket="fruit-logs", Key="emr/j-1/syslog", Body=f"at {BUCKET}/{JANE}: lost".encode())
    assert fruit("audit", f"--erased={record}") == 1
    told = capsys.readouterr().out
    assert f"{BUCKET}/other/name.jpg" in told
    assert "s3://fruit-logs/emr/j-1/syslog" in told


def test_a_person_withdraws(s3, tmp_path, capsys):
    """What she gave goes, whatever it is called, and she can give nothing any more; others can."""
    (tmp_path / "a b").mkdir()
    photographs.write_archive(tmp_path, {"a b": 2})
    assert fruit("upload", str(tmp_path), "--prefix=by", "--contributor=Zoë", "--consent=yes") == 0
    head = s3.head_object(Bucket="fruit-images", Key="by/a b/000.jpg")
    assert head["Metadata"] == {"contributor": "Zo%C3%AB", "consent": "yes"}
    assert fruit("upload", str(tmp_path), "--prefix=by", "--contributor=Zoë", "--consent=yes") == 0
    assert "0 uploaded" in capsys.readouterr().out
    assert fruit("upload", str(tmp_path), "--prefix=by", "--contributor=Zoë", "--consent=no") == 0
    assert "2 uploaded" in capsys.readouterr().out
    assert forget("--contributor=Zoë", "--yes") == 0
    keys = {one.key for one in s3_versions.list_versions(s3, "fruit-images")}
    assert "a b/000.jpg" in keys
    assert not any(key.startswith("by/") for key in keys)
    assert fruit("upload", str(tmp_path), "--contributor=Zoë") == 1
    assert "has withdrawn" in capsys.readouterr().err
    assert forget("--contributor=Zoë", "--yes") == 0
    assert "nothing to do" in capsys.readouterr().out


def version_of(client, key: str) -> str:
    """The id of the first version of an image."""
    return [one.id for one in s3_versions.list_versions(client, "fruit-images", key) if not one.is_marker][-1]


def test_one_that_was_stopped_in_s3_leaves_no_older_version(s3, tmp_path, monkeypatch):
    """The record of what was begun names the runs whose older versions are to go."""
    with monkeypatch.context() as patch:
        patch.setattr(s3_versions, "remove_versions", kill)  # the tables are written, nothing else
        with pytest.raises(Killed):
            forget(JANE, "--yes")
    assert names_left(everything(s3, tmp_path / "before"), JANE)
    assert forget(JANE, "--yes") == 0
    assert names_left(everything(s3, tmp_path / "after"), JANE) == []
