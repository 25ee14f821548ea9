"""The rehearsal's AWS answers programs that hold the keys of this start, and nobody else."""

import http.client
import io
import json
import stat
import zipfile
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rehearsal.emulator.process import Server
from rehearsal.settings import LOOPBACK, Settings
from tests.rehearsal.emulator.conftest import QUICK_EMR, Aws

FUNCTION = {
    "FunctionName": "intruder",
    "Runtime": "python3.11",
    "Role": "arn:aws:iam::111122223333:role/r",
    "Handler": "index.handler",
}
BODY = json.dumps({**FUNCTION, "Code": {"ZipFile": ""}})


def answer(aws, method, path, body="", **headers):
    """Send a request as it stands, and return the status, the headers and the body of the answer."""
    connection = http.client.HTTPConnection(LOOPBACK, aws.server.settings.port, timeout=30)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    return response.status, dict(response.getheaders()), response.read().decode()


def test_a_web_page_can_neither_ask_nor_make_a_function(aws):
    """A browser sends an Origin, asks first for some requests, and sends others without asking."""
    page = {"Origin": "https://pages.example", "Content_Type": "text/plain"}
    status, headers, _ = answer(aws, "OPTIONS", "/2015-03-31/functions", **page)
    assert status == 403
    assert not any(name.lower().startswith("access-control") for name in headers)
    assert answer(aws, "POST", "/2015-03-31/functions", BODY, **page)[0] == 403
    functions = aws.client("lambda").list_functions()["Functions"]
    assert FUNCTION["FunctionName"] not in {function["FunctionName"] for function in functions}


def test_a_name_that_leads_to_this_machine_is_not_ours(aws):
    """A page of `pages.example` whose name is made to lead to 127.0.0.1 sends no Origin with a GET."""
    status, _, body = answer(aws, "GET", "/", Host=f"pages.example:{aws.server.settings.port}")
    assert (status, "Host must be" in body) == (403, True)


@pytest.mark.parametrize("key", ["", "111122223333", "test", "AKIAIOSFODNN7EXAMPLE"])
def test_other_keys_open_nothing(aws, key):
    """Neither none, nor the account's number, nor any other; the client of each service reads the reason."""
    signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={key}/20260101/eu-west-3/s3/aws4_request"}
    for method, path in (("GET", "/"), ("POST", "/2015-03-31/functions"), ("POST", "/")):
        assert answer(aws, method, path, BODY if method == "POST" else "", **signed if key else {})[0] == 403
    for service, call in (
        ("emr", "list_clusters"),
        ("sts", "get_caller_identity"),
        ("s3", "list_buckets"),
        ("ec2", "describe_vpcs"),
    ):
        make: Any = boto3.client  # its types know only names that are written out
        client = make(
            service,
            endpoint_url=aws.server.settings.endpoint,
            region_name="eu-west-3",
            aws_access_key_id=key or "none",
            aws_secret_access_key="guessed",
        )
        with pytest.raises(ClientError, match=r"AccessDenied.*the keys of this start are needed"):
            getattr(client, call)()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/_ministack/health"), ("POST", "/_ministack/reset"), ("POST", "/_ministack/config")),
        *(("GET", "/_localstack/health"), ("GET", "/_ministack/cfn-response/x"), ("GET", "/health")),
        *(("POST", "/_rehearsal/interrupt"), ("POST", "/_rehearsal/slow-down")),
        ("POST", "/_rehearsal/conditions"),
    ],
)
def test_the_paths_of_administration_are_closed(aws, method, path):
    """The emulator's own, and the rehearsal's to whoever has not the secret key."""
    assert answer(aws, method, path)[0] == 403


def test_an_assumed_role_enters(aws):
    """With the keys of this start one gets a role's, as the CDK command line does."""
    role = aws.client("sts").assume_role(
        RoleArn="arn:aws:iam::111122223333:role/cdk-role", RoleSessionName="deploy"
    )["Credentials"]
    s3 = boto3.client(
        "s3",
        endpoint_url=aws.server.settings.endpoint,
        region_name="eu-west-3",
        aws_access_key_id=role["AccessKeyId"],
        aws_secret_access_key=role["SecretAccessKey"],
        aws_session_token=role["SessionToken"],
    )
    assert "Buckets" in s3.list_buckets()


def test_functions_inherit_no_variable_that_they_do_not_need(tmp_path, monkeypatch):
    """What the person who starts it has in the environment stays out; they get the keys of this start."""
    monkeypatch.setenv("GITHUB_TOKEN", "mine")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr(
            "index.py", "import os\n\n\ndef handler(event, context):\n    return dict(os.environ)\n"
        )
    with Server(tmp_path / "home", emr=QUICK_EMR) as server:
        keys = server.settings.keys
        functions = Aws(server).client("lambda")
        functions.create_function(**{**FUNCTION, "Code": {"ZipFile": code.getvalue()}})
        environment = json.load(functions.invoke(FunctionName=FUNCTION["FunctionName"])["Payload"])
    assert not {"GITHUB_TOKEN", "SSH_AUTH_SOCK", "AWS_PROFILE"} & environment.keys()
    assert environment["HOME"] == str(server.settings.home)
    assert (environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]) == keys


def test_every_start_has_keys_of_its_own(tmp_path):
    """Only the user who started it may read them."""
    settings = Settings(tmp_path, 1)
    settings.make_keys()
    first = settings.keys
    settings.make_keys()
    assert settings.keys != first
    assert stat.S_IMODE(settings.keys_file.stat().st_mode) == 0o600
