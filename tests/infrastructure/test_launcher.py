"""The function that starts clusters: it makes the stack's own cluster, and may do nothing else."""

import ast
import json
from dataclasses import replace
from string import Template
from typing import Any

import pytest

from infra.launch.run_request import DeployedJob
from rehearsal.emr.conditions import Conditions
from rehearsal.emulator.resource_types import emr_cluster
from tests.infrastructure.pipeline_template import cluster, of_type
from tests.infrastructure.synthesis import only, synthesise

PACKAGE = "infra/launch/functions/launcher"


def function(stacks) -> dict[str, Any]:
    """Its properties."""
    return only(
        one for one in of_type(stacks, "AWS::Lambda::Function") if one["Handler"].startswith("infra.launch")
    )


def folder(stacks):
    """What is packed with it."""
    return only(path.parents[4] for path in stacks.directory.glob(f"asset.*/{PACKAGE}/definition.json"))


def resolved(value: Any) -> Any:
    """A part of a template with a text in the place of each reference, the same for equal references."""
    if isinstance(value, list):
        return [resolved(part) for part in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Join" in value:
        return "".join(resolved(value["Fn::Join"][1]))
    if set(value) & {"Ref", "Fn::GetAtt", "Fn::ImportValue", "Fn::Sub"}:
        return "-".join(str(part) for part in value.values()).replace('"', "")
    return {name: resolved(part) for name, part in value.items()}


def definition(stacks) -> dict[str, Any]:
    """As the function reads it from its environment, once CloudFormation has filled that in."""
    text = (folder(stacks) / PACKAGE / "definition.json").read_text()
    variables = function(stacks)["Environment"]["Variables"]
    content: dict[str, Any] = json.loads(Template(text).substitute(resolved(variables)))
    return content


def test_it_starts_the_very_cluster_of_the_stack(stage, monkeypatch) -> None:
    """What CloudFormation would send to RunJobFlow, as the emulated one does it, but for how it ends."""
    sent: list[dict[str, Any]] = []

    def call(service: str, operation: str, **request: Any) -> dict[str, Any]:
        sent.append(request)
        return {"JobFlowId": "j-1"}

    monkeypatch.setattr(emr_cluster, "call", call)
    monkeypatch.setattr(emr_cluster, "_wait", lambda *_: {"Id": "j-1", "Status": {"State": "WAITING"}})
    emr_cluster.EmrCluster(Conditions()).create("Cluster", resolved(cluster(stage)), "stack")
    (stack,), launched = sent, definition(stage)["cluster"]
    assert stack["Instances"].pop("KeepJobFlowAliveWhenNoSteps") is True
    assert launched["Instances"].pop("KeepJobFlowAliveWhenNoSteps") is False
    assert stack.pop("AutoTerminationPolicy")
    for request in (stack, launched):
        request["Tags"].sort(key=lambda tag: tag["Key"])
    assert launched == stack


def test_it_knows_the_job_of_the_deploy_and_what_its_cluster_costs(stage) -> None:
    """The step's words, whole; the plan's figures."""
    deployed = DeployedJob.from_json(definition(stage)["deployed"])
    (step,) = resolved(cluster(stage)["Steps"])
    assert [*deployed.spark, *deployed.job] == step["HadoopJarStep"]["Args"]
    assert deployed.run_id == stage.outputs("pipeline")["RunId"]["Value"]
    assert step["Name"] == deployed.prefix + deployed.run_id
    assert deployed.nodes == 6
    assert 0 < deployed.hourly_usd < deployed.most_hourly_usd
    earlier = {key: value for key, value in definition(stage)["deployed"].items() if key != "families"}
    assert DeployedJob.from_json(earlier) == replace(deployed, families=())


def test_all_that_it_imports_is_packed_with_it(stage) -> None:
    """Lambda has the standard library and boto3; CDK stays here."""
    files = {path.relative_to(folder(stage)).as_posix(): path for path in folder(stage).rglob("*.py")}
    imported = {
        node.module
        for path in files.values()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    ours = {name for name in imported if name.startswith(("infra", "spark_job"))}
    assert {f"{name.replace('.', '/')}.py" for name in ours} <= set(files)
    assert not {name for name in imported if name.startswith("aws_cdk")}


def test_its_environment_has_room(stage) -> None:
    """Lambda takes 4 KB; names of buckets, roles and groups are at most 100 characters."""
    variables = function(stage)["Environment"]["Variables"]
    assert sum(len(name) + 100 for name in variables) < 4096


def statements(stacks) -> dict[str, dict[str, Any]]:
    """Of its role's policy, by Sid."""
    role = function(stacks)["Role"]["Fn::GetAtt"][0]
    policy = only(one for one in of_type(stacks, "AWS::IAM::Policy") if {"Ref": role} in one.get("Roles", []))
    return {one["Sid"]: one for one in policy["PolicyDocument"]["Statement"] if "Sid" in one}


def test_it_may_start_clusters_of_this_stage_with_their_own_roles(stage) -> None:
    """No other tag, and no other role than those of the stack's cluster."""
    found, properties = statements(stage), cluster(stage)
    name = next(tag["Value"] for tag in properties["Tags"] if tag["Key"] == "stage")
    assert found["StartClusters"]["Action"] == ["elasticmapreduce:AddTags", "elasticmapreduce:RunJobFlow"]
    assert found["StartClusters"]["Condition"] == {
        "StringEquals": {"aws:RequestTag/project": "fruit-features", "aws:RequestTag/stage": name}
    }
    profile = only(of_type(stage, "AWS::IAM::InstanceProfile"))
    passed = {
        sid: (one["Resource"], one["Condition"]["StringEquals"]["iam:PassedToService"])
        for sid, one in found.items()
        if one["Action"] == "iam:PassRole"
    }
    instance = only(profile["Roles"])["Ref"]
    assert passed == {
        "PassServiceRole": (properties["ServiceRole"], "elasticmapreduce.amazonaws.com"),
        "PassInstanceRole": ({"Fn::GetAtt": [instance, "Arn"]}, "ec2.amazonaws.com"),
    }


def test_it_reads_no_image_and_no_result(stage) -> None:
    """It lists them; it reads and writes its claims alone."""
    reads = {sid for sid, one in statements(stage).items() if "s3:GetObject" in one["Action"]}
    assert reads == {"WriteClaims"}
    assert "/launches/*" in json.dumps(statements(stage)["WriteClaims"]["Resource"])


def test_whoever_submits_may_call_it_and_no_other_function(stage) -> None:
    """The role's one right on Lambda."""
    called = [
        statement
        for policy in of_type(stage, "AWS::IAM::Policy")
        for statement in policy["PolicyDocument"]["Statement"]
        if "lambda:InvokeFunction" in statement["Action"]
    ]
    logical_id = stage.outputs("pipeline")["LauncherName"]["Value"]["Ref"]
    assert [one["Resource"] for one in called] == [{"Fn::GetAtt": [logical_id, "Arn"]}]


def schedules(stacks) -> list[dict[str, Any]]:
    """The rules that call it."""
    logical_id = stacks.outputs("pipeline")["LauncherName"]["Value"]["Ref"]
    target = {"Fn::GetAtt": [logical_id, "Arn"]}
    return [
        rule
        for rule in of_type(stacks, "AWS::Events::Rule")
        if target in [one["Arn"] for one in rule["Targets"]]
    ]


def test_there_is_no_schedule_by_default(stage) -> None:
    """Nothing starts by itself that nobody asked for."""
    assert schedules(stage) == []
    assert "ListImages" not in statements(stage)


@pytest.fixture(scope="module")
def nightly():
    return synthesise(stage="dev", schedule="0 3 ? * MON-FRI *")


def test_the_schedule_calls_the_function(nightly) -> None:
    """At the configured times, with the one word that it needs."""
    rule = only(schedules(nightly))
    assert "ListImages" in statements(nightly)
    assert rule["ScheduleExpression"] == "cron(0 3 ? * MON-FRI *)"
    assert json.loads(only(rule["Targets"])["Input"]) == {"scheduled": True}


def test_a_failing_schedule_raises_an_alarm(nightly, stage) -> None:
    """Nobody reads what the schedule is answered; without one, a person does, and the alarm costs nothing."""
    logical_id = nightly.outputs("pipeline")["LauncherName"]["Value"]["Ref"]

    def watched(stacks) -> list[Any]:
        alarms = of_type(stacks, "AWS::CloudWatch::Alarm")
        named = {"Name": "FunctionName", "Value": {"Ref": logical_id}}
        return [one for one in alarms if named in one.get("Dimensions", [])]

    assert len(watched(nightly)) == 1
    assert watched(stage) == []
