"""Images in S3, against moto: every key is listed once and leads to its own bytes."""

import unicodedata

import boto3
import pytest
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from spark_job.contract.errors import MisuseError
from spark_job.contract.image_names import LABEL_TABLE
from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ListingError
from spark_job.images import listing
from spark_job.images.labels import Labels, Row
from spark_job.images.listing import ListedFile, list_files
from spark_job.images.reading import read_image
from spark_job.pipeline.listing_stage import NO_CONSENT, with_consent
from spark_job.storage import Folder, open_store

LIMITS = ImageLimits()
STRANGE_KEYS = [
    "a b/c d.jpg", "#1/#2.jpg", "100%/50%20off.jpg", "a+b/1+1=2.jpg", "q?&x=1/y.jpg", "'\"/*[1]{x}.jpg",
    f"{unicodedata.normalize('NFC', 'pêche')}/nfc.jpg", f"{unicodedata.normalize('NFD', 'pêche')}/nfd.jpg",
    "桃/🍑.jpg", "no class.jpg", "~/back\\slash.jpg",
]  # fmt: skip


@pytest.fixture(scope="module")
def server():
    """An S3 of this process."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    yield "http://{}:{}".format(*moto.get_host_and_port())
    moto.stop()


@pytest.fixture
def bucket(server, monkeypatch, request):
    """An empty bucket of the fake S3."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    open_store.cache_clear()
    name = f"photos-{abs(hash(request.node.name))}"
    made = boto3.resource("s3", endpoint_url=server).Bucket(name)
    made.create(CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    yield made
    open_store.cache_clear()


def fill(bucket, keys):
    """Each object holds its own key."""
    for key in keys:
        bucket.put_object(Key=key, Body=key.encode())


def test_a_table_of_labels_lies_beside_its_images(bucket):
    """It is no image, and names keys from the source or in full; one that is not there is told."""
    fill(bucket, ["photos/a/1.jpg", "photos/a/2.jpg"])
    source = f"s3://{bucket.name}/photos"
    with pytest.raises(MisuseError, match="there is no such file"):
        Labels.of(f"{source}/labels.csv")
    bucket.put_object(Key="photos/labels.csv", Body=f"path,kind\na/1.jpg,x\n{source}/a/2.jpg,y\n".encode())
    found = list(list_files(source, True, Labels.of(f"{source}/labels.csv")))
    assert {(file.path.rpartition("/")[2], file.label, file.skipped) for file in found} == {
        ("1.jpg", "x", None),
        ("2.jpg", "y", None),
        ("labels.csv", "", LABEL_TABLE),
    }


def test_a_consent_is_in_the_table_or_beside_the_photograph(bucket):
    """The table goes first; S3 is asked for what it does not say, and not for what is no candidate."""
    metadata = {"yes": {"consent": "research, 2026"}, "no": {"consent": "no"}, "none": {}, "table": {}}
    for name, written in metadata.items():
        bucket.put_object(Key=f"{name}.jpg", Body=b"1", Metadata=written)
    bucket.put_object(Key="denied.jpg", Body=b"1", Metadata=metadata["yes"])
    source = f"s3://{bucket.name}"
    rows: dict[str, Row] = {
        "table.jpg": ("a", None, ("2026",)),
        "denied.jpg": ("a", None, ("No",)),
        "yes.jpg": ("a", None, (None,)),
    }
    labels = Labels("table.csv", "label", ("consent",), rows)
    listed = [*list_files(source, False, labels), ListedFile(f"{source}/other.txt", skipped="no image")]
    found = {file.path.removeprefix(f"{source}/"): file.skipped for file in with_consent(listed, labels)}
    refused = dict.fromkeys(("denied.jpg", "no.jpg", "none.jpg"), NO_CONSENT)
    assert found == {"yes.jpg": None, "table.jpg": None, "other.txt": "no image", **refused}


def test_strange_keys_are_listed_and_read_unchanged(bucket):
    """Spaces, accents in both forms, #, % and +."""
    fill(bucket, [f"my photos/{key}" for key in STRANGE_KEYS])
    found = {file.path: file for file in list_files(f"s3://{bucket.name}/my photos", all_files=False)}
    assert set(found) == {f"s3://{bucket.name}/my photos/{key}" for key in STRANGE_KEYS}
    for path, file in found.items():
        assert read_image(file, LIMITS) == path.removeprefix(f"s3://{bucket.name}/").encode()
        assert file.size == len(path.removeprefix(f"s3://{bucket.name}/").encode())


@pytest.mark.parametrize(
    ("layout", "side_by_side"),
    [
        ("flat/{:04}.jpg", ["flat/"]),
        ("nested/{0:04}/x.jpg", ["nested/"]),
        ("deep/a/b/c/d/{:04}.jpg", ["deep/a/b/"]),
        ("large/{1}/{0}.jpg", ["large/0/", "large/1/"]),
    ],
)
def test_more_than_one_page_of_keys_is_listed(bucket, layout, side_by_side, monkeypatch):
    """S3 answers 1,000 keys at a time, here 20; each comes once, folders with few of them in one listing."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "20")
    monkeypatch.setattr(listing, "PAGE_SIZE", 20)
    monkeypatch.setattr(listing, "KEYS_TO_A_FOLDER", 10)
    keys = [layout.format(number, number // 1025) for number in range(1000, 1050)]
    for key in keys:  # past HTTP, which takes 10 ms each
        s3_backends["123456789012"]["aws"].put_object(bucket.name, key, b"x")
    top = layout.partition("/")[0]
    assert listing._prefixes(open_store(f"s3://{bucket.name}"), f"{top}/")[0] == side_by_side
    found = [file.path for file in list_files(f"s3://{bucket.name}/{top}", all_files=False)]
    assert sorted(found) == [f"s3://{bucket.name}/{key}" for key in keys]


def test_labels_and_splits_come_from_keys(bucket):
    """As from folders; a whole bucket can be the source."""
    fill(bucket, ["Training/Apple Red/1.jpg", "test/Pêche/2.jpg", "loose.jpg"])
    found = {(file.label, file.split) for file in list_files(f"s3://{bucket.name}", all_files=False)}
    assert found == {("Apple Red", "Training"), ("Pêche", "test"), ("", "")}


def test_a_prefix_is_a_folder_and_not_a_beginning(bucket):
    """`s3://bucket/fruit` does not mean `fruits/`."""
    fill(bucket, ["fruit/a/1.jpg", "fruits/a/2.jpg", "fruit.jpg"])
    found = [file.path for file in list_files(f"s3://{bucket.name}/fruit", all_files=False)]
    assert found == [f"s3://{bucket.name}/fruit/a/1.jpg"]


def test_folder_markers_are_skipped(bucket):
    """The console makes an empty object for each folder, the source's own included."""
    for key in ("photos/", "photos/apples/"):
        bucket.put_object(Key=key, Body=b"")
    fill(bucket, ["photos/apples/1.jpg"])
    for all_files in (False, True):
        files = list_files(f"s3://{bucket.name}/photos", all_files)
        assert sorted((file.path, file.skipped) for file in files) == [
            (f"s3://{bucket.name}/photos/", "folder marker"),
            (f"s3://{bucket.name}/photos/apples/", "folder marker"),
            (f"s3://{bucket.name}/photos/apples/1.jpg", None),
        ]


def test_an_object_that_disappears_is_rejected_in_words(bucket):
    """Between listing and reading."""
    fill(bucket, ["a/1.jpg"])
    (file,) = list_files(f"s3://{bucket.name}", all_files=False)
    bucket.delete_objects(Delete={"Objects": [{"Key": "a/1.jpg"}]})
    assert str(read_image(file, LIMITS)) == "the file disappeared between listing and reading"


def test_an_object_that_grew_is_read_up_to_the_limit(bucket):
    """Its size stands in the answer; beyond the limit the content is never asked for."""
    bucket.put_object(Key="a/1.jpg", Body=b"x" * 11)
    grown = ListedFile(f"s3://{bucket.name}/a/1.jpg", size=3)
    assert read_image(grown, ImageLimits(max_bytes=11)) == b"x" * 11
    assert str(read_image(grown, ImageLimits(max_bytes=10))) == (
        "the file has grown since it was listed to more than --max-bytes 10 bytes"
    )


def test_an_empty_prefix_has_no_files(bucket):
    """No error: the run decides what an empty archive means."""
    assert list(list_files(f"s3://{bucket.name}/nothing", all_files=False)) == []


def test_a_bucket_that_does_not_exist_is_an_error(bucket):
    """One line that names the source."""
    with pytest.raises(ListingError) as caught:
        list(list_files("s3://no-such-bucket-here/photos", all_files=False))
    assert str(caught.value).startswith("cannot list s3://no-such-bucket-here/photos: ")
    assert "\n" not in str(caught.value)


REFUSED_KEYS = ["a//b.jpg", "a/./b.jpg", "a/../b.jpg", "esc\x1b/b.jpg", "z//b.jpg"]


def test_a_key_that_cannot_be_read_is_a_rejected_row(bucket, monkeypatch):
    """Whatever page it stands on: keys before and behind it are listed once, and it is named."""
    monkeypatch.setattr(listing, "PAGE_SIZE", 3)
    good = [f"photos/{letter}/{number}.jpg" for letter in "abyz" for number in range(4)]
    fill(bucket, [*(f"photos/{key}" for key in REFUSED_KEYS), *good])
    found = list(list_files(f"s3://{bucket.name}/photos", all_files=False))
    assert sorted(file.path for file in found if file.error is None) == [
        f"s3://{bucket.name}/{key}" for key in good
    ]
    assert {file.path.removeprefix(f"s3://{bucket.name}/photos/") for file in found if file.error} == set(
        REFUSED_KEYS
    )
    assert {file.error for file in found if file.error} == {listing.REFUSED_KEY}


def test_small_files_are_written_and_read_back(bucket):
    """A run's folder in S3: empty at first, then with what was written; what is not there is None."""
    folder = Folder(f"s3://{bucket.name}/results #1/run 100%")
    assert folder.is_empty()
    folder.write("stages/é.json", b"{}")
    with folder.open_writer("rejected.csv") as writer:
        writer.write(b"path\n")
    assert not folder.is_empty()
    assert folder.read("stages/é.json") == b"{}"
    assert folder.read("rejected.csv") == b"path\n"
    assert folder.read("manifest.json") is None
