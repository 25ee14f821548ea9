"""What policies say of a call, what a call is missed for, and the page that tells it; no server."""

import json
import re

import pytest
from ministack.core.iam_evaluator import EvalContext

from infra.checkout import ROOT
from rehearsal.emulator.permissions.callers import POLICIES, policy_of
from rehearsal.emulator.permissions.evaluation import ALLOWED, DENIED, NOT_ALLOWED, evaluate, statements
from rehearsal.emulator.permissions.record import Record, Replay
from rehearsal.permissions_report import NEVER, NOT_IN_EACH_RUN, RECORDED, Report, listed
from rehearsal.settings import PEOPLE
from tests.rehearsal.emulator.recorded import different

ACCOUNT = "111122223333"
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/session"
BUCKET = "arn:aws:s3:::fruit-features-dev-storage-images"
KEY = f"arn:aws:kms:eu-west-3:{ACCOUNT}:key/1"


def call(action, resource, *, arn=ROLE, kind="AssumedRole", secure=True, **context):
    return EvalContext(
        principal_arn=arn,
        principal_type=kind,
        principal_account=ACCOUNT,
        action=action,
        resource_arn=resource,
        region="eu-west-3",
        source_ip="127.0.0.1",
        secure_transport=secure,
        service_context={name.replace("__", ":"): value for name, value in context.items()},
        principal_keys={"aws:userid": "AROA1:session"},
    )


def policy(*parts, owner="role fruit-features-dev-reader"):
    """Statements of one policy, each as (effect, action, resource, more)."""
    documents = [
        {"Sid": f"S{number}", "Effect": effect, "Action": action, "Resource": resource, **more}
        for number, (effect, action, resource, more) in enumerate(parts, 1)
    ]
    return statements(owner, "policy", json.dumps({"Statement": documents}))


THE_ACCOUNT = {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
EVERYBODY = {"Principal": {"AWS": "*"}}
READ = ("Allow", "s3:GetObject", f"{BUCKET}/*", {})
OVER_HTTP = (
    "Deny",
    "s3:*",
    f"{BUCKET}/*",
    {**EVERYBODY, "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
)
OF_ONESELF = ("Allow", "ssm:TerminateSession", "arn:aws:ssm:*:*:session/${aws:userid}-*", {})


@pytest.mark.parametrize(
    ("asked", "own", "of_resource", "decision"),
    [
        (call("s3:GetObject", f"{BUCKET}/a"), [READ], [], ALLOWED),
        (call("s3:PutObject", f"{BUCKET}/a"), [READ], [], NOT_ALLOWED),
        (call("s3:GetObject", f"{BUCKET}/a"), [READ], [OVER_HTTP], ALLOWED),
        (call("s3:GetObject", f"{BUCKET}/a", secure=False), [READ], [OVER_HTTP], DENIED),
        # Only a key's own policy lets the account's policies decide.
        (call("kms:Decrypt", KEY), [("Allow", "kms:Decrypt", KEY, {})], [], NOT_ALLOWED),
        (
            call("kms:Decrypt", KEY),
            [("Allow", "kms:Decrypt", KEY, {})],
            [("Allow", "kms:*", "*", THE_ACCOUNT)],
            ALLOWED,
        ),
        (call("kms:Decrypt", KEY), [], [("Allow", "kms:*", "*", THE_ACCOUNT)], NOT_ALLOWED),
        # Another's session is not one's own.
        (call("ssm:TerminateSession", "arn:aws:ssm:r:1:session/AROA1:session-7"), [OF_ONESELF], [], ALLOWED),
        (
            call("ssm:TerminateSession", "arn:aws:ssm:r:1:session/AROA2:other-7"),
            [OF_ONESELF],
            [],
            NOT_ALLOWED,
        ),
    ],
)
def test_a_call_is_decided_as_iam_documents_it(asked, own, of_resource, decision):
    """Own policies, the resource's, keys, conditions and variables."""
    verdict = evaluate(asked, policy(*own), policy(*of_resource, owner="resource"))
    assert verdict.decision == decision


@pytest.mark.parametrize(("rule", "decision"), [("r1", ALLOWED), ("r2", NOT_ALLOWED)])
def test_a_service_calls_by_the_leave_of_the_resource(rule, decision):
    """EventBridge, for the rule that the function's permission names."""
    condition = {"ArnLike": {"aws:SourceArn": "arn:aws:events:eu-west-3:1:rule/r1"}}
    leave = {"Principal": {"Service": "events.amazonaws.com"}, "Condition": condition}
    function = policy(("Allow", "lambda:InvokeFunction", "f", leave), owner="f")
    asked = call("lambda:InvokeFunction", "f", arn="events.amazonaws.com", kind="Service")
    asked.service_context["aws:sourcearn"] = f"arn:aws:events:eu-west-3:1:rule/{rule}"
    assert evaluate(asked, [], function).decision == decision


def recorded(own, *calls):
    """A record of these calls by one role, as JSON holds it; a probe stands with `True`."""
    record = Record()
    for asked, probe in calls:
        record.note(own[0].owner, asked, evaluate(asked, own, []), probe=probe)
    record.keep(own)
    return Replay(json.loads(json.dumps(record.told())))


def test_every_statement_is_missed_by_the_calls_that_need_it():
    """One that another covers is reported as more than is needed, one that no call asks for as unused."""
    own = policy(READ, ("Allow", "s3:*", f"{BUCKET}/runs/*", {}), ("Allow", "sns:Publish", "*", {}))
    reads = [(call("s3:GetObject", f"{BUCKET}/{name}"), False) for name in ("a", "runs/b")]
    kept, replay = (
        recorded(own, *reads),
        recorded(own, *reads, (call("cloudformation:DeleteStack", "s"), True)),
    )
    assert different(replay) == []
    report = Report(replay, excused={})
    needed, covered, unused = own
    assert [one["resource"] for one in report.missed[needed.id]] == [f"{BUCKET}/a"]
    assert list(report.faults()) == [f"nobody uses {unused.id}", f"more than is needed: {covered.id}"]
    assert list(Report(kept, excused={}).faults()) == [f"more than is needed: {covered.id}"]
    assert list(Report(replay, excused={"* / S3": "told"}).faults()) == [f"more than is needed: {covered.id}"]


def test_a_refusal_that_was_no_probe_is_a_fault():
    """By caller, action and resource; a probe is not."""
    own, put = policy(READ), call("s3:PutObject", f"{BUCKET}/a")
    read = (call("s3:GetObject", f"{BUCKET}/a"), False)
    assert list(Report(recorded(own, read, (put, True))).faults()) == []
    faults = list(Report(recorded(own, read, (put, False))).faults())
    assert faults == [f"refused: {own[0].owner}, s3:PutObject on {BUCKET}/a"]


def test_calls_that_the_same_statements_decide_count_as_one():
    """A rehearsal reads each of its photographs; one of them stands for all."""
    own = policy(READ)
    reads = [(call("s3:GetObject", f"{BUCKET}/{number}"), False) for number in range(480)]
    (only,) = recorded(own, *reads).calls
    assert (only["resource"], only["count"]) == (f"{BUCKET}/0", 480)


def test_the_page_tells_who_may_do_what_and_which_call_needs_it():
    """An action that no call used stands in brackets."""
    own = policy(
        ("Allow", ["s3:GetObject", "s3:PutObject"], f"{BUCKET}/*", {"Condition": {"Bool": {"a": "b"}}})
    )
    asked = call("s3:GetObject", f"{BUCKET}/a", a="b")
    page = Report(recorded(own, (asked, False))).page()
    row = (
        f"| role fruit-features-dev-reader | S1 | Allow | s3:GetObject, (s3:PutObject) | {BUCKET}/* "
        f"| a Bool b | s3:GetObject on {BUCKET}/a |"
    )
    assert row in page
    assert f"| {own[0].id} | s3:PutObject | none |" in page
    assert "1 calls of 1 callers, 0 refused; 1 of 1 Allow used, 0 more in tests, 0 excused" in page


def test_every_excuse_gives_a_reason():
    """A reviewer reads it in the page, or which test makes the calls."""
    assert all(reason for reason in (*NEVER.values(), *NOT_IN_EACH_RUN.values()))
    for test in RECORDED:
        assert "unrecorded(report, " in (ROOT / test).read_text()


def test_every_person_has_a_policy_that_the_documents_name():
    """The files are what people attach; `*` alone is there for what only looks, or acts by CloudFormation."""
    assert {path.stem for path in POLICIES.glob("*.json")} == set(PEOPLE)
    document = (ROOT / "docs" / "deployment.md").read_text()
    for person in PEOPLE:
        assert f"(policies/{person}.json)" in document
        text = policy_of(person, "eu-west-3", "dev")
        assert not {"ACCOUNT", "REGION", "STAGE"} & set(re.findall("[A-Z]{5,}", text))
        for one in statements(f"user {person}", person, text):
            looks = all(
                re.search(":(Describe|Get|List)", action) for action in listed(one.document["Action"])
            )
            assert one.document["Resource"] != "*" or looks or "aws:CalledVia" in json.dumps(one.document)
