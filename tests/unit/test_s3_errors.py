"""S3's refusals in words: what concerns one object, and what concerns the run."""

import sys
import threading
from collections import Counter
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep
from typing import ClassVar
from unittest.mock import Mock

import pytest
from botocore.exceptions import UnauthorizedSSOTokenError
from obstore.exceptions import GenericError

from spark_job import storage
from spark_job.commands import run as command
from spark_job.contract.run_options import ImageLimits
from spark_job.contract.uris import UNSIGNED_BUCKETS, is_unsigned, read_unsigned
from spark_job.errors import ImageRejectedError, ListingError, NotReadError, StorageError
from spark_job.images.listing import ListedFile, list_files
from spark_job.images.reading import (
    MANY_REFUSED,
    READS_IN_FLIGHT,
    Pace,
    read_ahead,
    read_image,
    unless_all_are_refused,
)
from spark_job.pipeline.run import complete_stage
from spark_job.storage import Folder, open_store

SILENCE = 0.2  # seconds that may pass between two bytes
LISTING = (
    "<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>1</KeyCount><Contents><Key>a/1.jpg</Key>"
    "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>1</ETag><Size>3</Size></Contents>"
    "</ListBucketResult>"
)
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
    """An S3 that refuses all: objects as `REFUSED` says, others with the code that is their name.

    Objects of `busy/` and `line/` are there at last: how often each was asked for is in `asked`.
    """

    protocol_version = "HTTP/1.1"
    asked: ClassVar[Counter[str]] = Counter()

    def do_HEAD(self):
        self._say(301, "")

    def do_GET(self):
        if self.path.startswith(("/busy", "/line")):
            self.asked[self.path] += 1
            getattr(self, self.path.rpartition("/")[2])(self.asked[self.path])
            return
        if self.path.startswith("/public"):
            self._say(403, ERROR.format("AccessDenied")) if "Authorization" in self.headers else self._say(
                200, LISTING if "list-type" in self.path else "jpg"
            )
            return
        name = self.path.split("?")[0].rpartition("/")[2]
        status, code = REFUSED[name][:2] if name in REFUSED else (400, name)
        if self.path.startswith("/elsewhere"):
            status, code = 301, "PermanentRedirect"
        self._say(status, ERROR.format(code))

    def slow_down(self, time):
        """S3 is busy for a while: obstore's own attempts are used up before."""
        self._say(503, ERROR.format("SlowDown")) if time <= 4 else self._say(200, "jpg")

    def cut(self, time):
        """The line breaks in the middle of the object, once."""
        self._begin(200, 1000)
        self.wfile.write(b"x" * (300 if time == 1 else 1000))
        self.close_connection = True

    def silent(self, time):
        """S3 says nothing more, once."""
        self._begin(200, 3)
        if time == 1:
            sleep(4 * SILENCE)
        self.wfile.write(b"jpg")

    def slow(self, _):
        """A byte now and then, for much longer than may pass between two."""
        self._begin(200, 10)
        for _ in range(10):
            self.wfile.write(b"x")
            sleep(SILENCE / 3)

    def _say(self, status, body):
        self._begin(status, len(body))
        self.wfile.write(body.encode())

    def _begin(self, status, length):
        self.send_response(status)
        self.send_header("x-amz-bucket-region", "eu-west-3")
        self.send_header("Content-Length", str(length))
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def refusing(monkeypatch):
    """S3 is this server."""
    Refusing.asked.clear()
    monkeypatch.setattr(storage, "SILENCE", f"{SILENCE * 1000:.0f}ms")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
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


@pytest.mark.parametrize("name", ["busy/slow_down", "line/cut", "line/silent", "line/slow"])
def test_a_busy_s3_and_a_bad_line_are_waited_for(refusing, name):
    """SlowDown, a line that breaks or falls silent: the image is read at last. A slow one breaks nothing."""
    image = ListedFile(f"s3://{name}", size=1000)
    [(_, content)] = read_ahead(iter([image]), partial(read_image, limits=ImageLimits()))
    assert content in (b"jpg", b"x" * 1000, b"x" * 10)
    assert (Refusing.asked[f"/{name}"] == 1) == (name == "line/slow")


def test_fewer_are_read_at_once_while_s3_is_busy_and_more_when_it_answers():
    """Half as many after each round of refusals, one more after each round of answers."""
    busy, waits = [GenericError(f"503 {ERROR.format('SlowDown')}")] * 3, list[float]()

    def read(image: ListedFile, *, most: int | None = None) -> bytes:
        if busy:
            raise busy.pop()
        return b"jpg"

    pace, image = Pace(read, waits.append), ListedFile("s3://busy/1.jpg")
    assert pace(image) == b"jpg"
    assert (len(waits), int(pace.at_once)) == (3, READS_IN_FLIGHT // 8)
    for _ in range(5):
        pace(image)
    assert int(pace.at_once) == READS_IN_FLIGHT // 8 + 1
    busy.append(GenericError(f"400 {ERROR.format('MethodNotAllowed')}"))
    with pytest.raises(GenericError):
        pace(image)
    assert len(waits) == 3


def test_a_public_bucket_is_read_without_an_account(refusing, monkeypatch):
    """Other buckets, as that of the results, are not."""
    monkeypatch.setenv(UNSIGNED_BUCKETS, "")
    with pytest.raises(ListingError, match="access is denied"):
        list(list_files("s3://public/a", all_files=False))
    open_store.cache_clear()
    read_unsigned(["s3://public/a", "/home/me"])
    [image] = list_files("s3://public/a", all_files=False)
    assert read_image(image, ImageLimits()) == b"jpg"
    assert not is_unsigned("s3://results")


def test_credentials_that_cannot_be_renewed_end_the_run_in_one_line(monkeypatch):
    """As when a single sign-on ends: boto3's words say which command helps."""

    def renew():
        raise UnauthorizedSSOTokenError

    monkeypatch.setattr(storage, "_credentials", lambda: renew)
    open_store.cache_clear()
    with pytest.raises(StorageError, match=r"^the AWS login has expired .*run aws sso login .*profile\.\)$"):
        read_image(ListedFile("s3://photos/1.jpg", size=3), ImageLimits())
    with pytest.raises(StorageError, match=r"^cannot write s3://results/a: the AWS login has expired"):
        Folder("s3://results").write("a", b"")
    open_store.cache_clear()


def test_a_stage_that_s3_ends_says_how_the_run_goes_on():
    """Also where no worker, but the driver itself was reading or writing."""
    run = Mock()
    run.options.run_id, run.folder.stage.return_value = "one", None
    work = Mock(side_effect=StorageError("cannot write s3://results/one: the AWS login has expired"))
    with pytest.raises(StorageError, match=r"expired; what is complete is kept: .* --run-id one --resume$"):
        complete_stage(run, Mock(), {}, "report", work)


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


@pytest.mark.parametrize("unsigned", [False, True])
def test_a_run_without_credentials_ends_before_java_starts(home, monkeypatch, tmp_path, unsigned):
    """It waits for nothing but the question to AWS; public buckets need none."""
    monkeypatch.setenv(UNSIGNED_BUCKETS, "")
    monkeypatch.setattr(command, "begin_session", lambda *_, **__: sys.exit("Java starts"))
    words = ["--images=s3://public/a", f"--results={tmp_path}/r", f"--extractor={tmp_path}/e"]
    open_store.cache_clear()
    with pytest.raises(SystemExit if unsigned else StorageError, match=r"Java starts|no AWS credentials"):
        command.run_command.main([*words, *["--unsigned"] * unsigned], standalone_mode=False)
    assert is_unsigned("s3://public") == unsigned


def test_a_profile_that_is_not_there_is_named(home, monkeypatch):
    """In boto3's own words."""
    monkeypatch.setenv("AWS_PROFILE", "friut")
    with pytest.raises(StorageError, match=r"cannot be used: .*friut"):
        storage._credentials()
