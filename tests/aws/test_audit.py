"""`fruit audit`: what is stored, until when, and what lies outside the promise."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from fruit.auditing import what_is_stored
from fruit.places import Place
from infra.contract import outputs
from operate.connection import Connection
from operate.deployment import Deployment
from operate.erasure.readers import Policies
from tests.aws.conftest import REGION


@pytest.fixture
def place(storage) -> Place:
    """A deployment that promises 14, 365 and 90 days; its images have a rule, its logs have none."""
    s3 = boto3.client("s3", REGION)
    promise = "images, their versions and replicas 14 days, results 365, logs 90"
    connection = Connection("dev", REGION)
    connection.__dict__["deployment"] = Deployment(
        "dev", REGION, {**storage.outputs, outputs.RETENTION: promise}
    )
    for bucket, prefix, days in (("fruit-images", "", 11), ("fruit-results", "runs/", 365)):
        rule: Any = {
            "ID": "x",
            "Status": "Enabled",
            "Filter": {"Prefix": prefix},
            "Expiration": {"Days": days},
        }
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    s3.put_bucket_versioning(Bucket="fruit-images", VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        s3.put_object(Bucket="fruit-images", Key="Banana/1.jpg", Body=b"12345")
    s3.put_object(Bucket="fruit-results", Key="runs/r/features/part-000000.parquet", Body=b"1")
    s3.put_object(Bucket="fruit-logs", Key="emr/j-1/stderr", Body=b"1")
    return Place((storage.results_uri,), connection)


def test_what_is_stored_is_told_by_kind_with_its_end(place):
    """Versions count; S3's own rules say when the oldest goes; what no rule ends is told."""
    now = datetime.now(UTC)
    found = {one.kind: one for one in what_is_stored(place, now)}
    assert {kind: (one.objects, one.bytes, one.problem) for kind, one in found.items()} == {
        "photographs": (2, 10, ""),
        "results features": (1, 1, ""),
        "logs": (1, 1, "no rule ends it"),
    }
    ends = found["photographs"].ends
    assert ends is not None
    assert now + timedelta(days=10) < ends < now + timedelta(days=11, seconds=1)


def test_what_is_older_than_the_promise_is_told(place):
    """Two weeks and a day later the photographs should be gone."""
    later = datetime.now(UTC) + timedelta(days=15)
    problems = {one.kind: one.problem for one in what_is_stored(place, later)}
    assert problems["photographs"] == "2 older than 14 days"
    assert problems["results features"] == ""


def allow(action: str, resource: str, **more: Any) -> str:
    """A policy of one statement."""
    statement = {"Effect": "Allow", "Action": action, "Resource": f"arn:aws:s3:::{resource}", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def test_who_may_read_each_kind_is_told(place, operate, monkeypatch, tmp_path):
    """Users by their groups, roles by their own and by managed policies, others by the bucket's policy.

    The record of processing has them too, and all else that the deployment knows; nothing is left in dollars.
    """
    iam, s3 = boto3.client("iam"), boto3.client("s3", REGION)
    for name in ("nodes", "replicator", "guest"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=allow("sts:AssumeRole", "x"))
    iam.put_role_policy(RoleName="nodes", PolicyName="p", PolicyDocument=allow("s3:Get*", "fruit-images/*"))
    logs = allow("s3:GetObject", "fruit-l*/emr/*", Condition={"Bool": {"aws:SecureTransport": "true"}})
    arn = iam.create_policy(PolicyName="logs", PolicyDocument=logs)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="guest", PolicyArn=arn)
    copies = allow("s3:GetObjectVersionForReplication", "fruit-images/*")
    iam.put_role_policy(RoleName="replicator", PolicyName="p", PolicyDocument=copies)
    iam.create_user(UserName="jo")
    iam.create_group(GroupName="admins")
    iam.add_user_to_group(UserName="jo", GroupName="admins")
    iam.put_group_policy(GroupName="admins", PolicyName="p", PolicyDocument=allow("*", "*"))
    account = {"AWS": "arn:aws:iam::210987654321:root"}
    given = allow("s3:GetObject", "fruit-results/runs/r/*", Principal=account)
    s3.put_bucket_policy(Bucket="fruit-results", Policy=given)
    monkeypatch.setattr("fruit.auditing.place_of", lambda *_arguments, **_options: place)
    record = tmp_path / "record.md"
    told = operate("audit", "--json", f"--record={record}").json["stored"]
    assert {one["kind"]: one["readers"] for one in told} == {
        "photographs": ["role nodes", "role replicator", "user jo"],
        "results features": ["arn:aws:iam::210987654321:root, by the bucket's policy", "user jo"],
        "logs": ["role guest (on a condition)", "user jo"],
    }
    written = record.read_text()
    assert "logs: may be read by role guest (on a condition); user jo" in written
    assert "images, their versions and replicas 14 days" in written
    assert "- Controller: [ " in written
    assert "$" not in written
    monkeypatch.setattr(Policies, "of_account", lambda _iam: None)
    assert "readers: unknown" in operate("audit").out


def test_an_audit_fails_if_something_lies_outside_the_promise(place, operate, monkeypatch):
    """Exit code 1; the region is told."""
    monkeypatch.setattr("fruit.auditing.place_of", lambda *_arguments, **_options: place)
    told = operate("audit", "--json")
    assert told.exit_code == 1
    assert told.json["region"] == REGION
    assert "logs" in {one["kind"] for one in told.json["stored"] if one["problem"]}
