"""`upload`: photographs reach S3 whole, once, and under their own names."""

import os
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError

from operate.connection import Connection
from operate.s3 import image_store
from operate.s3.photographs import PART_BYTES, require_photographs
from tests.aws.conftest import REGION
from tests.doubles import Double


@pytest.fixture
def folder(tmp_path):
    """Three photographs, a hidden one, and a file that is none."""
    for name, content in {
        "Apple Golden/1.jpg": b"one",
        "Apple Golden/é#1+.JPG": b"two",
        "Banana/1.png": b"three",
        "Banana/.1.jpg": b"hidden",
        "notes.txt": b"text",
    }.items():
        path = tmp_path / "photographs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "photographs"


def contents(bucket: str) -> dict[str, bytes]:
    """Key to content."""
    found = boto3.resource("s3", REGION).Bucket(bucket).objects.all()
    return {item.key: item.get()["Body"].read() for item in found}


def test_photographs_arrive_under_their_own_names(operate, storage, folder):
    """Class folders, spaces, accents and signs stay letter for letter; other files stay at home."""
    outcome = operate("upload", str(folder), "--json")
    assert (outcome.exit_code, outcome.json) == (
        0,
        {
            "uri": "s3://fruit-images",
            "photographs": 3,
            "uploaded": 3,
            "unchanged": 0,
            "bytes": 11,
            "problems": [],
        },
    )
    assert contents("fruit-images") == {
        "Apple Golden/1.jpg": b"one",
        "Apple Golden/é#1+.JPG": b"two",
        "Banana/1.png": b"three",
    }


def test_a_second_upload_brings_only_what_changed(operate, storage, folder):
    """The same length and an old date do not hide another content."""
    operate("upload", str(folder))
    assert operate("upload", str(folder), "--json").json["uploaded"] == 0
    (folder / "Apple Golden/1.jpg").write_bytes(b"eno")
    assert operate("upload", str(folder), "--json").json["uploaded"] == 1
    assert contents("fruit-images")["Apple Golden/1.jpg"] == b"eno"


def test_the_checksum_tells_where_kms_hides_the_md5(operate, storage, folder):
    """ETags of objects under KMS are no MD5: without asking for the checksum all would go again."""
    s3 = boto3.client("s3", REGION)
    rule: Any = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "key"}}
    s3.put_bucket_encryption(Bucket="fruit-images", ServerSideEncryptionConfiguration={"Rules": [rule]})
    operate("upload", str(folder))
    found = require_photographs(folder, all_files=False).photographs
    target = image_store.Target(HiddenEtags(s3), "fruit-images", "")
    assert image_store.upload(target, found, at_once=2).uploaded == 0


class HiddenEtags(Double):
    """S3 whose listings hold ETags that say nothing, as under KMS."""

    def __init__(self, s3):
        self._s3 = s3

    def __getattr__(self, name):
        return getattr(self._s3, name)

    def get_paginator(self, name):
        pages = self._s3.get_paginator(name)

        class Pages:
            def paginate(self, **arguments):
                for page in pages.paginate(**arguments):
                    for told in page.get("Contents", []):
                        told["ETag"] = '"0"'
                    yield page

        return Pages()


def test_a_dry_run_uploads_nothing(operate, storage, folder):
    """It says what would be done."""
    outcome = operate("upload", str(folder), "--dry-run")
    assert (outcome.exit_code, contents("fruit-images")) == (0, {})
    assert outcome.out.splitlines()[0] == "s3://fruit-images: 3 would be uploaded (0.0 MB), 0 unchanged"


def test_source_and_prefix_say_where(operate, storage, folder):
    """Another source is another bucket; a prefix is a set of its own."""
    outcome = operate("upload", str(folder), "--source=taille-fixe", "--prefix=/a set/", "--json")
    assert outcome.json["uri"] == "s3://fruit-taillefixe/a set"
    assert set(contents("fruit-taillefixe")) == {
        "a set/Apple Golden/1.jpg",
        "a set/Apple Golden/é#1+.JPG",
        "a set/Banana/1.png",
    }


def test_an_unknown_source_is_misuse(operate, storage, folder):
    """The message names those that there are."""
    outcome = operate("upload", str(folder), "--source=imgaes")
    assert (outcome.exit_code, outcome.out) == (2, "")
    assert outcome.err == "Error: source imgaes: this deployment has images, taille-fixe\n"


def test_a_folder_without_photographs_is_misuse(operate, storage, tmp_path):
    """Nothing to upload is never a success."""
    outcome = operate("upload", str(tmp_path))
    assert outcome.exit_code == 2
    assert outcome.err == f"Error: {tmp_path} has no photographs: give another folder, or --all-files\n"


def test_a_refused_photograph_stops_the_upload(operate, storage, folder, monkeypatch):
    """One line names the file and says that the same command goes on."""
    target = image_store.Target(boto3.client("s3", REGION), "fruit-imagse", "")
    monkeypatch.setattr(image_store.Target, "stored", lambda self: {})
    with pytest.raises(image_store.OperateError, match=r"was not uploaded: .*NoSuchBucket.*goes on where"):
        image_store.upload(target, require_photographs(folder, all_files=False).photographs, at_once=1)


def test_links_are_followed_but_never_round(tmp_path):
    """A link to a photograph counts; links in a circle, and what is neither file nor folder, get a line."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.jpg").write_bytes(b"1")
    (tmp_path / "a" / "2.jpg").symlink_to(tmp_path / "a" / "1.jpg")
    (tmp_path / "a" / "round").symlink_to(tmp_path)
    (tmp_path / "a" / "itself.jpg").symlink_to("itself.jpg")
    os.mkfifo(tmp_path / "a" / "pipe.jpg")
    found = require_photographs(tmp_path, all_files=False)
    assert [one.name for one in found.photographs] == ["a/1.jpg", "a/2.jpg"]
    assert found.problems == [
        "a/itself.jpg: the link leads nowhere: Too many levels of symbolic links",
        "a/pipe.jpg: neither a file nor a folder",
        "a/round: the link leads back to a folder above it",
    ]


def test_an_upload_that_stopped_in_a_large_file_goes_on_with_its_next_part(operate, storage, tmp_path):
    """Then it is unchanged, for later uploads too."""
    (tmp_path / "large.tif").write_bytes(bytes(PART_BYTES) + b"1" * PART_BYTES + b"2" * PART_BYTES)
    found = require_photographs(tmp_path, all_files=False).photographs
    line = CutLine(boto3.client("s3", REGION))
    target = image_store.Target(line, "fruit-images", "")
    with pytest.raises(image_store.OperateError, match=r"large\.tif was not uploaded: .*goes on where"):
        image_store.upload(target, found, at_once=1)
    line.sent, line.most = [], 9
    assert image_store.upload(target, found, at_once=1).uploaded == 1
    assert line.sent == [3]
    assert contents("fruit-images") == {"large.tif": (tmp_path / "large.tif").read_bytes()}
    assert operate("upload", str(tmp_path), "--json").json["uploaded"] == 0


class CutLine(Double):
    """S3 whose line is cut after `most` parts."""

    def __init__(self, s3):
        self._s3, self.sent, self.most = s3, [], 2

    def __getattr__(self, name):
        return getattr(self._s3, name)

    def upload_part(self, **part):
        if len(self.sent) == self.most:
            raise ConnectionClosedError(endpoint_url="s3")
        self.sent.append(part["PartNumber"])
        return self._s3.upload_part(**part)


def test_what_cannot_be_read_has_a_line_and_the_rest_is_uploaded(operate, storage, folder, monkeypatch):
    """A file and a folder without the right to read them, broken links, names that S3 or the job refuse."""
    (folder / "Banana/broken.jpg").symlink_to(folder / "gone.jpg")
    (folder / "Banana/tab\t.jpg").write_bytes(b"tab")
    (folder / "Banana" / os.fsdecode(b"\xe9.jpg")).write_bytes(b"latin")
    (folder / "Banana/secret.jpg").write_bytes(b"secret")
    (folder / "Banana/Secret").mkdir()
    _forbid(monkeypatch, folder / "Banana/secret.jpg", Path, "open")
    _forbid(monkeypatch, folder / "Banana/Secret", os, "scandir")
    outcome = operate("upload", str(folder))
    assert (outcome.exit_code, len(contents("fruit-images"))) == (1, 3)
    assert outcome.err.splitlines() == [
        "not taken: Banana/Secret: the folder cannot be read: Permission denied",
        "not taken: Banana/\\xe9.jpg: the name is not valid UTF-8: rename the file",
        "not taken: Banana/broken.jpg: the link leads nowhere: No such file or directory",
        "not taken: Banana/secret.jpg: it cannot be read: Permission denied",
        "not taken: Banana/tab\\t.jpg: the name holds a control character: rename the file",
        "3 photographs to s3://fruit-images",
        f"Error: 5 of {folder} could not be taken: mend and upload again",
    ]


def _forbid(monkeypatch, path, owner, name):
    """Nobody may open it, whoever runs the test."""
    allowed = getattr(owner, name)

    def refused(there, *arguments, **more):
        if Path(there) == path:
            raise PermissionError(13, "Permission denied")
        return allowed(there, *arguments, **more)

    monkeypatch.setattr(owner, name, refused)


def test_links_out_of_the_folder_are_refused_unless_asked_for(operate, storage, folder, tmp_path):
    """A link to another folder could send what nobody meant to send."""
    (tmp_path / "private.jpg").write_bytes(b"private")
    (folder / "Banana/2.jpg").symlink_to(tmp_path / "private.jpg")
    outcome = operate("upload", str(folder))
    assert outcome.exit_code == 1
    assert outcome.err.splitlines()[0] == (
        "not taken: Banana/2.jpg: the link leads out of the folder: give --links-outside to follow it"
    )
    assert "Banana/2.jpg" not in contents("fruit-images")
    assert operate("upload", str(folder), "--links-outside").exit_code == 0
    assert contents("fruit-images")["Banana/2.jpg"] == b"private"


def test_previews_of_a_nas_stay_at_home(operate, storage, folder):
    """Folders of the system are no classes."""
    for name in ("Banana/@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg", "__MACOSX/1.jpg", "#recycle/old.jpg"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(b"preview")
    assert operate("upload", str(folder), "--json").json["photographs"] == 3


def test_the_next_command_says_stage_region_and_folder(operate, storage, tmp_path):
    """As `submit` takes them; the region only where it is not the configured one."""
    (tmp_path / "1.jpg").write_bytes(b"jpg")
    done = operate("upload", str(tmp_path), "--prefix=Apple Red")
    assert done.out.splitlines()[-1] == (
        "next: fruit submit 's3://fruit-images/Apple Red' --wait --stage=dev"
    )
    assert Connection("dev", "eu-west-1").command("runs") == "fruit runs --stage=dev --region=eu-west-1"
    assert Connection("dev", "eu-west-3").context({}) == {"stage": "dev"}
