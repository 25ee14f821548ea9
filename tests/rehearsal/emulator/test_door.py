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
TRUST_LAMBDA = {
    "Statement": {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "lambda.amazonaws.com"},
    }
}
TRUST_ACCOUNT = {
    "Statement": {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
    }
}
ALLOW_LISTING = {"Statement": {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}}
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
    """With the keys of this start one gets a role's, as CDK does; the token is part of them."""
    aws.client("iam").create_role(RoleName="lister", AssumeRolePolicyDocument=json.dumps(TRUST_ACCOUNT))
    aws.client("iam").put_role_policy(
        RoleName="lister", PolicyName="list", PolicyDocument=json.dumps(ALLOW_LISTING)
    )
    keys = aws.role("arn:aws:iam::111122223333:role/lister", aws.client("sts"))
    assert "Buckets" in aws.client_of("s3", keys).list_buckets()
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        aws.client_of("s3", keys[:2]).list_buckets()
    aws.client("iam").delete_role_policy(RoleName="lister", PolicyName="list")
    aws.client("iam").delete_role(RoleName="lister")


def test_functions_inherit_no_variable_that_they_do_not_need(tmp_path, monkeypatch):
    """What the person who starts it has in the environment stays out; they get keys of their own role."""
    monkeypatch.setenv("GITHUB_TOKEN", "mine")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr(
            "index.py", "import os\n\n\ndef handler(event, context):\n    return dict(os.environ)\n"
        )
    with Server(tmp_path / "home", emr=QUICK_EMR) as server:
        functions, iam = Aws(server).client("lambda"), Aws(server).client("iam")
        iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST_LAMBDA))
        functions.create_function(**{**FUNCTION, "Code": {"ZipFile": code.getvalue()}})
        environment = json.load(functions.invoke(FunctionName=FUNCTION["FunctionName"])["Payload"])
    assert not {"GITHUB_TOKEN", "SSH_AUTH_SOCK", "AWS_PROFILE"} & environment.keys()
    assert environment["HOME"] == str(server.settings.home)
    assert environment["AWS_ACCESS_KEY_ID"].startswith("ASIA")


def test_without_checks_the_keys_may_do_everything(tmp_path):
    """For suites of other projects; other keys and none are refused all the same."""
    with Server(tmp_path / "home", emr=QUICK_EMR, checks_permissions=False) as server:
        aws = Aws(server)
        assert aws.client_of("iam", server.settings.keys).list_users()["Users"]
        assert answer(aws, "GET", "/")[0] == 403


def test_every_start_has_keys_of_its_own(tmp_path):
    """Only the user who started it may read them."""
    settings = Settings(tmp_path, 1)
    settings.make_keys()
    first = settings.keys
    settings.make_keys()
    assert settings.keys != first
    assert stat.S_IMODE(settings.keys_file.stat().st_mode) == 0o600
