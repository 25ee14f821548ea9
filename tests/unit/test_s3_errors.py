"""S3's refusals in words: what concerns one object, and what concerns the run."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from spark_job import storage
from spark_job.contract.run_options import ImageLimits
from spark_job.errors import ImageRejectedError, ListingError, NotReadError, StorageError
from spark_job.images.listing import ListedFile, list_files
from spark_job.images.reading import MANY_REFUSED, read_image, unless_all_are_refused
from spark_job.storage import open_store

ERROR = "<Error><Code>{}</Code><Message>no</Message></Error>"
# Object -> status and code that S3 answers, and what a person reads.
REFUSED = {
    "glacier.jpg": (403, "InvalidObjectState", "the object is archived: restore it in S3, then run again"),
    "policy.jpg": (
        403,
        "AccessDenied",
        "access is denied: let the bucket's policy, and the key that encrypts the object, allow reading, "
        "then run again",
    ),
    "key.jpg": (
        400,
        "KMS.DisabledException",
        "the key that encrypts the object cannot be used (KMS.DisabledException): enable it, or let it allow "
        "decrypting, then run again",
    ),
    "own-key.jpg": (
        400,
        "InvalidRequest",
        "S3 refuses to give the object, as it does when it is encrypted with a customer's own key (SSE-C): "
        "store it again with another encryption",
    ),
    "gone.jpg": (404, "NoSuchKey", "the file disappeared between listing and reading"),
}
ENDS = {
    "ExpiredToken": "the AWS login has expired: log in again, then go on (ExpiredToken)",
    "InvalidAccessKeyId": "AWS does not know these credentials: set others (InvalidAccessKeyId)",
}


class Refusing(BaseHTTPRequestHandler):
    """An S3 that refuses all: objects as `REFUSED` says, others with the code that is their name."""

    def do_HEAD(self):
        self._say(301, "")

    def do_GET(self):
        name = self.path.split("?")[0].rpartition("/")[2]
        status, code = REFUSED[name][:2] if name in REFUSED else (400, name)
        if self.path.startswith("/elsewhere"):
            status, code = 301, "PermanentRedirect"
        self._say(status, ERROR.format(code))

    def _say(self, status, body):
        self.send_response(status)
        self.send_header("x-amz-bucket-region", "eu-west-3")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def refusing(monkeypatch):
    """S3 is this server."""
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    open_store.cache_clear()
    yield
    server.shutdown()
    open_store.cache_clear()


def test_what_concerns_one_object_is_a_rejected_row(refusing):
    """With the reason and the cure; the run goes on."""
    for name, (_, _, reason) in REFUSED.items():
        content = read_image(ListedFile(f"s3://photos/{name}", size=3), ImageLimits())
        assert isinstance(content, ImageRejectedError)
        assert str(content) == reason


@pytest.mark.parametrize("code", ENDS)
def test_what_concerns_all_ends_the_run_in_one_line(refusing, code):
    """Not thousands of rejected rows."""
    with pytest.raises(StorageError) as caught:
        read_image(ListedFile(f"s3://photos/{code}", size=3), ImageLimits())
    assert str(caught.value) == ENDS[code]


def test_a_bucket_of_another_region_names_it(refusing):
    """S3 says where a bucket lies, also to strangers."""
    with pytest.raises(ListingError) as caught:
        list(list_files("s3://elsewhere/photos", all_files=False))
    assert str(caught.value) == (
        "cannot list s3://elsewhere/photos: the bucket lies in another region: set AWS_REGION=eu-west-3"
    )


def test_the_same_refusal_of_everything_is_said_early():
    """After a hundred images of a task; one that can be read shows that it is not everything."""
    image, refused = ListedFile("s3://photos/x.jpg"), NotReadError("access is denied")
    passed = []
    with pytest.raises(
        StorageError, match=r"^S3 gives none of the first 100 images of a task: access is denied$"
    ):
        passed.extend(unless_all_are_refused([(image, refused)] * 5000))
    mixed = [(image, refused)] * (MANY_REFUSED - 1) + [(image, b"jpg")] + [(image, refused)] * 500
    assert len(list(unless_all_are_refused(mixed))) == len(mixed)


@pytest.fixture
def home(monkeypatch, tmp_path):
    """A person's own AWS settings, and no keys in the environment."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    (tmp_path / "config").write_text("[profile fruit]\nregion = eu-west-3\n")
    (tmp_path / "credentials").write_text("[fruit]\naws_access_key_id = one\naws_secret_access_key = two\n")
    storage._credentials.cache_clear()
    yield
    storage._credentials.cache_clear()


def test_a_profile_is_used_as_other_tools_use_it(home, monkeypatch):
    """boto3 finds the credentials, and renews them while a run lasts."""
    monkeypatch.setenv("AWS_PROFILE", "fruit")
    assert storage._credentials()()["access_key_id"] == "one"


def test_without_credentials_one_line_says_what_was_tried(home):
    """Instead of minutes of questions to an address that nobody typed."""
    with pytest.raises(StorageError, match=r"^there are no AWS credentials: neither AWS_PROFILE nor"):
        storage._credentials()


def test_a_profile_that_is_not_there_is_named(home, monkeypatch):
    """In boto3's own words."""
    monkeypatch.setenv("AWS_PROFILE", "friut")
    with pytest.raises(StorageError, match=r"cannot be used: .*friut"):
        storage._credentials()
