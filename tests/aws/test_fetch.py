"""`runs` and `fetch`: what runs there are, and their results on this machine."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from infra.contract.aws_clients import S3Client
from infra.costs.cost import OwnRate
from operate.connection import Connection
from operate.emr.clusters import Node
from operate.emr.steps import Step
from operate.errors import OperateError
from operate.runs import run_history as history
from operate.runs.run_history import RunSummary, RunTrace, nodes_of_run, own_rates, run_history
from operate.s3.objects import FolderCopy, StoredObject, download, list_objects, read_json
from tests.aws.conftest import REGION, RUN
from tests.aws.stored_runs import METRICS, store_run, store_run_with_rate

START = datetime(2026, 1, 1, 10, tzinfo=UTC)


def test_runs_are_listed_with_their_figures(operate, storage):
    """Unfinished runs first, then the latest; what is not known is null."""
    store_run("early", "2026-01-01T10:00:00+00:00")
    store_run("late", "2026-02-01T10:00:00+00:00")
    store_run("now", None)
    outcome = operate("runs", "--json")
    assert (outcome.exit_code, [run["run"] for run in outcome.json]) == (0, ["now", "late", "early"])
    assert outcome.json[1] == {
        "run": "late",
        "kind": "run",
        "created": "2026-02-01T10:00:00+00:00",
        "parents": [],
        "state": "complete",
        "images": 10,
        "rejected": 1,
        "components": 3,
        "explained_variance_ratio": 0.8125,
        "accuracy": None,
        "model": "mobilenet_v2",
        "images_computed": None,
        "images_per_second": None,
        "images_per_second_per_core": None,
        "megapixels": None,
        "instance_types": [],
        "seconds": 90.0,
        "cost_usd": None,
    }
    assert outcome.json[0]["state"] == "unfinished"
    assert outcome.json[0]["images"] is None


def test_a_moment_without_a_zone_is_of_utc(operate, storage):
    """No two runs are beyond comparison."""
    store_run("zoneless", "2026-01-01T10:00:00")
    store_run("late", "2026-01-01T10:00:01+00:00")
    assert [run["created"] for run in operate("runs", "--json").json] == [
        "2026-01-01T10:00:01+00:00",
        "2026-01-01T10:00:00+00:00",
    ]


def test_runs_are_a_table_for_people(operate, storage):
    """One line a run, in words."""
    store_run("late", "2026-02-01T10:00:00+00:00")
    lines = operate("runs").out.splitlines()
    assert " ".join(lines[0].split()) == (
        "run kind created (UTC) state images rejected components variance accuracy model "
        "images/s minutes USD parents"
    )
    assert " ".join(lines[1].split()) == (
        "late run 1 Feb 2026, 10:00 complete 10 1 3 0.812 - mobilenet_v2 - 1.5 - -"
    )


def test_runs_are_sorted_and_selected(operate, storage):
    """By a column, what is not known last; a run shows the accuracy of the newest train made from it."""
    for day, (run, images) in enumerate({"a": 5, "b": 80, "c": 7}.items(), 1):
        store_run(run, f"2026-02-0{day}T10:00:00+00:00", {"images": {"usable": images}})
    for day, accuracy in ((4, 0.5), (5, 0.75)):
        manifest = {
            "kind": "train",
            "created": f"2026-02-0{day}T10:00:00+00:00",
            "parents": ["s3://x/runs/a"],
        }
        store_run(f"train-{day}", None)
        for name, value in (("manifest", manifest), ("metrics", {"classifier": {"accuracy": accuracy}})):
            key = f"runs/train-{day}/{name}.json"
            boto3.client("s3", REGION).put_object(Bucket="fruit-results", Key=key, Body=json.dumps(value))
    by_images = operate("runs", "--sort=images", "--json").json
    assert [run["run"] for run in by_images] == ["b", "c", "a", "train-5", "train-4"]
    assert by_images[2]["accuracy"] == 0.75
    assert [run["run"] for run in operate("runs", "--sort=run", "--match=MOBILE", "--json").json] == [*"abc"]
    assert operate("runs", "--match=pear").out == "none of 5 runs contains 'pear'\n"


def test_a_run_that_emr_has_forgotten_has_the_cost_of_its_manifest(operate, storage):
    """What its cluster had cost when the run was complete."""
    store_run("old", "2026-02-01T10:00:00+00:00")
    manifest = json.dumps({"created": "2026-02-01T10:00:00+00:00", "cost_usd": 0.41})
    boto3.client("s3", REGION).put_object(Bucket="fruit-results", Key="runs/old/manifest.json", Body=manifest)
    assert operate("runs", "--json").json[0]["cost_usd"] == 0.41


def refusing(refused: str, read: Callable[..., RunSummary]) -> Callable[..., RunSummary]:
    """Reading runs, of which one lies under a key that this person may not use."""

    def reading(s3: S3Client, bucket: str, run: str) -> RunSummary:
        if run == refused:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no key"}}, "GetObject")
        return read(s3, bucket, run)

    return reading


def test_finished_runs_tell_a_plan_the_rates_of_their_machines(operate, deployment, monkeypatch):
    """Of one core, by network, families and size of the images; not those of unknown machines."""
    rate = {"images_per_second_per_core": 55.5, "megapixels": 0.01}
    for run, types, features in (
        ("alike", ["m5.xlarge", "m5.2xlarge"], rate),
        ("mixed", ["m5.xlarge", "m7g.xlarge"], rate),
        ("unknown", [], rate),
        ("reused", ["m5.xlarge"], dict.fromkeys(rate)),
    ):
        store_run_with_rate(run, types, features)
    store_run_with_rate("of one new photograph", ["m5.xlarge"], rate, images=1)
    created = datetime(2026, 2, 1, 10, tzinfo=UTC)
    alike = OwnRate("alike", created, "mobilenet_v2", ("m5",), 0.01, 55.5)
    mixed = replace(alike, run="mixed", families=("m5", "m7g"))
    assert own_rates(Connection("dev", REGION)) == [alike, mixed]
    real = history.read_run
    monkeypatch.setattr(history, "read_run", refusing("mixed", real))
    assert own_rates(Connection("dev", REGION)) == [alike]
    monkeypatch.setattr("operate.commands.plan.templates", lambda _: [])
    told = operate("plan", "--from-runs")
    assert told.exit_code == 0, told.err
    assert "Rate from run alike of 2026-02-01" in told.out
    assert "from run" not in operate("plan").out


def test_an_empty_run_has_no_components(operate, storage):
    """Figures of stages that did not run are null in metrics.json: a dash."""
    reduction = {"components": None, "explained_variance_ratio": None}
    store_run("empty", "2026-02-01T10:00:00+00:00", {"images": {"usable": 0}, "reduction": reduction})
    words = operate("runs").out.splitlines()[1].split()
    assert " ".join(words[6:]) == "complete 0 - - - - mobilenet_v2 - - - -"


def test_a_foreign_folder_does_not_end_the_list(operate, storage):
    """Whatever its files hold: it is unfinished, or its figures are not known."""
    s3 = boto3.client("s3", REGION)
    store_run("odd", "2026-02-01T10:00:00+00:00", {"images": {"usable": 2.5, "rejected": "few"}})
    for number, manifest in enumerate(("[1]", "{", '{"created": "yesterday"}', '{"parents": [7]}')):
        s3.put_object(Bucket="fruit-results", Key=f"runs/foreign-{number}/manifest.json", Body=manifest)
    lines = operate("runs").out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == [*(f"foreign-{number}" for number in range(4)), "odd"]
    assert all("unfinished" in line for line in lines[:4])


def test_the_name_of_a_run_commands_no_terminal(operate, storage):
    """Whoever may write results may choose it."""
    store_run("\x1b[2Jrun", "2026-02-01T10:00:00+00:00")
    assert operate("runs").out.splitlines()[1].startswith(r"\x1b[2Jrun ")
    assert operate("runs", "--match", "\x1b]0;").out == "none of 1 runs contains '\\x1b]0;'\n"


def test_a_run_that_emr_knows_has_its_state_and_cost(operate, deployment, monkeypatch):
    """A submitted run is listed before it has a folder; a complete one stays complete."""
    store_run("done", "2026-02-01T10:00:00+00:00")
    trace = {"done": RunTrace("FAILED", START, 1.25), RUN: RunTrace("RUNNING", START, 0.5)}
    monkeypatch.setattr("operate.commands.runs.run_history", lambda connection: trace)
    runs = operate("runs", "--json").json
    assert [(run["run"], run["state"], run["cost_usd"]) for run in runs] == [
        (RUN, "running", 0.5),
        ("done", "complete", 1.25),
    ]


def test_the_steps_of_the_stage_are_its_runs(deployment):
    """EMR tells of the deploy's own step; its name holds the run id."""
    history = run_history(Connection("dev", REGION))
    assert list(history) == [RUN]
    assert history[RUN].state in ("PENDING", "RUNNING", "STARTING")


def test_a_run_pays_for_its_share_of_the_clusters_life():
    """The first one for the start, the last one for the idle end, and each for the time before it: once."""
    hour = timedelta(hours=1)
    first = step_of("s-1", started=START + hour, ended=START + 2 * hour)
    second = step_of("s-2", started=START + 3 * hour, ended=START + 4 * hour)
    waits = step_of("s-3", started=None, ended=None)
    nodes = [
        node("m5.xlarge", START, START + 5 * hour),
        node("m5.xlarge", START + 3.5 * hour, None),
        node("m5.xlarge", None, None),
    ]
    now = START + 6 * hour

    def hours(step, steps):
        lives = nodes_of_run(step, steps, nodes, now)
        return [one.paid_hours(now) for one in lives]

    both = [second, first]
    assert hours(first, [first]) == [5, 2.5]
    assert hours(first, both) == [2]
    assert hours(second, both) == [3, 2.5]
    assert hours(waits, [waits, *both]) == []
    assert hours(waits, [waits]) == [5, 2.5]


def step_of(step_id, *, started, ended) -> Step:
    """A step that ran between these times."""
    return Step(step_id, "fruit-features-dev-run", "COMPLETED", (), START, started, ended, "")


def node(kind, created, ended) -> Node:
    """A node that was there between these times."""
    return Node("ci-1", "i-1", "if-1", kind, "ON_DEMAND", "RUNNING", False, created, ended)


def test_who_may_list_only_a_prefix_is_told_no_run_is_complete():
    """S3 then answers AccessDenied for a manifest that is not there: no reason to stop."""
    s3 = boto3.client("s3", REGION)
    with Stubber(s3) as stubber:
        stubber.add_client_error("get_object", "AccessDenied")
        stubber.add_response("list_objects_v2", {})
        assert read_json(s3, "fruit-results", "runs/r/manifest.json") is None


def test_without_runs_the_next_command_is_told(operate, storage):
    """An empty list is no error."""
    outcome = operate("runs")
    assert outcome.exit_code == 0
    assert outcome.out == "no runs in s3://fruit-results/runs yet: `fruit submit` starts one\n"


def test_the_last_run_is_fetched_whole(operate, deployment, tmp_path):
    """Without a name the run of the last deploy; each file below DIR/RUN."""
    store_run(RUN, "2026-02-01T10:00:00+00:00")
    outcome = operate("fetch", f"--to={tmp_path}", "--json")
    assert (outcome.exit_code, outcome.json["files"], outcome.json["fetched"]) == (0, 4, 4)
    assert json.loads((tmp_path / RUN / "metrics.json").read_text()) == METRICS
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == {
        f"{RUN}/{name}" for name in ("run.json", "metrics.json", "manifest.json", "report/index.html")
    }


def test_a_second_fetch_brings_only_what_is_missing(operate, storage, tmp_path):
    """A file that is there with the object's size and time stays."""
    store_run("first", "2026-02-01T10:00:00+00:00")
    fetch = ("fetch", "first", f"--to={tmp_path}", "--json")
    operate(*fetch)
    (tmp_path / "first" / "run.json").unlink()
    (tmp_path / "first" / "metrics.json").write_text("broken")
    assert operate(*fetch).json["fetched"] == 2
    assert json.loads((tmp_path / "first" / "metrics.json").read_text()) == METRICS


def test_an_unfinished_run_is_refused(operate, storage, tmp_path):
    """Half of the results must not be taken for all of them, unless that is asked for."""
    store_run("half", None)
    outcome = operate("fetch", "half", f"--to={tmp_path}")
    assert (outcome.exit_code, outcome.out, list(tmp_path.iterdir())) == (1, "", [])
    assert outcome.err == (
        "Error: run half is not complete: look with `fruit status`, or fetch what there is with --partial\n"
    )
    partly = operate("fetch", "half", f"--to={tmp_path}", "--partial", "--json")
    assert (partly.exit_code, partly.json["complete"], partly.json["fetched"]) == (0, False, 2)


def test_an_unknown_run_names_those_that_there_are(operate, storage):
    """A typing error is seen at once."""
    store_run("first", None)
    outcome = operate("fetch", "frist")
    assert outcome.exit_code == 1
    assert outcome.err == "Error: no results of run frist yet; with results: first\n"


def test_patterns_choose_files(operate, storage, tmp_path):
    """--only takes what matches; a pattern that matches nothing is misuse."""
    store_run("first", "2026-02-01T10:00:00+00:00")
    fetch = ("fetch", "first", f"--to={tmp_path}")
    assert operate(*fetch, "--only=report/*", "--json").json["files"] == 1
    assert operate(*fetch, "--only=nothing").exit_code == 2


def test_no_object_is_written_outside_the_folder(storage, tmp_path):
    """A key with `..` could overwrite any file of the person."""
    evil = StoredObject("runs/r/../../evil", 1, "0", datetime.now(UTC))
    copy = FolderCopy(boto3.client("s3", REGION), "fruit-results", "runs/r/", tmp_path)
    with pytest.raises(OperateError, match="outside of"):
        download(copy, [evil], at_once=1)


def test_an_object_that_changes_meanwhile_is_not_taken_for_the_listed_one(storage, tmp_path):
    """No file is left, neither the old nor half of the new."""
    s3 = boto3.client("s3", REGION)
    s3.put_object(Bucket="fruit-results", Key="runs/r/a", Body=b"old")
    listed = list(list_objects(s3, "fruit-results", "runs/r/"))
    s3.put_object(Bucket="fruit-results", Key="runs/r/a", Body=b"new")
    with pytest.raises(OperateError, match="was not fetched"):
        download(FolderCopy(s3, "fruit-results", "runs/r/", tmp_path), listed, at_once=1)
    assert list(tmp_path.iterdir()) == []
