"""S3 that is too busy for a while, as tests make it."""

import json
import urllib.request

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.rehearsal.emulator.busy_s3 import SLOW_DOWN_PATH, SlowDown
from tests.rehearsal.emulator.conftest import TESTER

S3 = [(b"authorization", b"AWS4-HMAC-SHA256 Credential=1/20260101/eu-west-3/s3/aws4_request, etc")]
EMR = [(b"authorization", b"AWS4-HMAC-SHA256 Credential=1/20260101/eu-west-3/elasticmapreduce/aws4_request")]
BUCKET = "busy"


@pytest.fixture
def hurried(aws):
    """An S3 client that tries once, and its bucket with one object."""
    environment = aws.environment_with(aws.keys_of(TESTER))
    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}),
    )
    client.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": environment["AWS_REGION"]}
    )
    client.put_object(Bucket=BUCKET, Key="key", Body=b"content")
    yield client
    slow_down(aws, 0)
    client.delete_object(Bucket=BUCKET, Key="key")
    client.delete_bucket(Bucket=BUCKET)


def slow_down(aws, seconds):
    """Ask for it; how many requests were refused."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    url = f"{aws.server.settings.endpoint}{SLOW_DOWN_PATH}"
    headers = {"Authorization": f"Bearer {aws.server.settings.keys.secret_access_key}"}
    request = urllib.request.Request(url, json.dumps({"seconds": seconds}).encode(), headers)
    with opener.open(request) as answer:
        return json.load(answer)["refused"]


def codes(call, times):
    """Each attempt's error code, or ok."""
    found = []
    for _ in range(times):
        try:
            call()
            found.append("ok")
        except ClientError as error:
            found.append(error.response["Error"]["Code"])
    return found


def test_one_get_or_put_in_five_is_refused_as_s3_does(aws, hurried):
    """With status 503 and the code SlowDown, which SDKs know."""
    slow_down(aws, 60)
    gets = codes(lambda: hurried.get_object(Bucket=BUCKET, Key="key"), 10)
    puts = codes(lambda: hurried.put_object(Bucket=BUCKET, Key="key", Body=b"x" * 100_000), 5)
    assert gets + puts == ["ok", "ok", "ok", "ok", "SlowDown"] * 3
    assert slow_down(aws, 0) == 3


def test_it_ends_when_it_is_told_to(aws, hurried):
    """With 0 seconds."""
    slow_down(aws, 60)
    slow_down(aws, 0)
    assert codes(lambda: hurried.get_object(Bucket=BUCKET, Key="key"), 6) == ["ok"] * 6


def test_a_client_that_tries_again_does_not_notice(aws, hurried):
    """As boto3 does by default."""
    slow_down(aws, 60)
    s3 = aws.client("s3")
    assert {s3.get_object(Bucket=BUCKET, Key="key")["ContentLength"] for _ in range(10)} == {7}


def test_it_ends_by_itself():
    """When its time is over."""
    now = [100.0]
    busy = SlowDown(clock=lambda: now[0])
    busy.begin(30.0)
    now[0] = 129.0
    assert [busy.refuses("GET", S3) for _ in range(5)] == [False] * 4 + [True]
    now[0] = 130.0
    assert not any(busy.refuses("GET", S3) for _ in range(5))


@pytest.mark.parametrize(("method", "headers"), [("GET", EMR), ("DELETE", S3), ("POST", S3), ("GET", [])])
def test_other_requests_are_never_refused(method, headers):
    """Other services, and S3's other methods."""
    busy = SlowDown()
    busy.begin(60.0)
    assert not any(busy.refuses(method, headers) for _ in range(10))
