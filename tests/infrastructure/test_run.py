"""What a run promises: the job takes the step as it stands, the deploy waits, nothing runs twice."""

import json
from pathlib import Path

import click
import pytest

from spark_job.commands.run import run_command
from spark_job.contract.node import EXTRACTOR, NODE_FOLDER, PYTHON
from spark_job.contract.run_options import RunOptions
from tests.infrastructure.cloudformation_schemas import create_only
from tests.infrastructure.pipeline_template import cluster, depends_on, of_type, plain
from tests.infrastructure.synthesis import only, synthesise

BUCKETS = {"Images": "images", "Results": "results", "Logs": "logs"}


def step(stacks) -> dict:
    return only(cluster(stacks)["Steps"])


def arguments(stacks) -> list[str]:
    return [plain(one, BUCKETS) for one in step(stacks)["HadoopJarStep"]["Args"]]


def job_words(stacks) -> list[str]:
    words = arguments(stacks)
    return words[words.index("run") + 1 :]


def run_id(stacks) -> str:
    identity: str = stacks.outputs("pipeline")["RunId"]["Value"]
    return identity


def test_the_job_s_own_parser_takes_the_step_s_arguments(stage) -> None:
    """No option is unknown and none is missing; what comes out is what the configuration says."""
    context = run_command.make_context("run", job_words(stage))
    given = context.params
    assert given["images"] == ("s3://images",)
    assert given["results"] == "s3://results/runs"
    assert given["extractor"] == EXTRACTOR
    assert (given["run_id"], given["variance"], given["engine"]) == (run_id(stage), 0.80, "openvino")
    assert given["resume"] is True
    assert given["allow_empty"] is True


def test_features_of_images_that_are_gone_are_kept_with_a_reason_only() -> None:
    """By default the job drops them, so that nothing outlives its retention."""
    reason = "the study keeps vectors of expired photographs"
    dropped, kept = synthesise(stage="dev"), synthesise(stage="dev", keep_removed_reason=reason)
    for stacks, removed in ((dropped, "drop"), (kept, "keep")):
        given = run_command.make_context("run", job_words(stacks)).params
        assert (given["previous"], given["removed"]) == ("latest", removed)
    assert run_id(kept) != run_id(dropped)


def test_the_job_accepts_what_was_parsed() -> None:
    """Its own checks too, with two sources: run id, URIs, no overlap."""
    stacks = synthesise(stage="dev", image_sources=["taille-fixe", "taille-variable"])
    buckets = {**BUCKETS, "TailleFixe": "fixed", "TailleVariable": "variable"}
    words = [plain(one, buckets) for one in step(stacks)["HadoopJarStep"]["Args"]]
    given = run_command.make_context("run", words[words.index("run") + 1 :]).params
    options = RunOptions.checked(
        images=given["images"], results=given["results"], extractor=given["extractor"], run_id=given["run_id"]
    )
    assert options.images == ("s3://fixed", "s3://variable")


def test_the_parser_is_as_strict_as_these_tests_need() -> None:
    """An unknown option does not pass."""
    with pytest.raises(click.NoSuchOption):
        run_command.make_context("run", ["--images=a", "--results=b", "--extractor=c", "--imagse=d"])


def test_spark_submit_is_given_in_cluster_mode_with_the_nodes_python(stage) -> None:
    """Before the job's file stand Spark's own words, and the job's package comes with --py-files."""
    words = arguments(stage)
    spark = words[: words.index("run")]
    assert spark[:3] == ["spark-submit", "--master=yarn", "--deploy-mode=cluster"]
    assert spark[-1].startswith("s3://")
    assert spark[-1].endswith(".py")
    assert only(word for word in spark if word.startswith("--py-files=s3://")).endswith(".zip")
    assert f"--conf=spark.pyspark.python={PYTHON}" in spark
    assert f"--conf=spark.yarn.appMasterEnv.PYSPARK_PYTHON={PYTHON}" in spark
    assert "--conf=spark.executorEnv.AWS_REGION=eu-west-3" in spark
    assert step(stage)["HadoopJarStep"]["Jar"] == "command-runner.jar"


def test_no_list_of_arguments_holds_a_word_twice(stage) -> None:
    """EMR's resource refuses lists with equal items."""
    bootstrap = only(cluster(stage)["BootstrapActions"])["ScriptBootstrapAction"]
    for words in (arguments(stage), [plain(one) for one in bootstrap["Args"]]):
        assert len(words) == len(set(words))


def test_paths_of_the_step_are_those_that_the_bootstrap_makes(stage) -> None:
    """The script and the step agree on where Python and extractor are."""
    script = (Path(__file__).parents[2] / "bootstrap" / "install.sh").read_text()
    assert f"home=${{FRUIT_FEATURES_HOME:-{NODE_FOLDER}}}" in script
    for path in (PYTHON.removesuffix("/bin/python"), EXTRACTOR):
        assert f'"$home{path.removeprefix(NODE_FOLDER)}"' in script
    bootstrap = only(cluster(stage)["BootstrapActions"])["ScriptBootstrapAction"]
    assert plain(bootstrap["Path"]).startswith("s3://")
    for word in bootstrap["Args"]:
        assert plain(word).partition("=")[0] + "=" in script


def test_step_cluster_and_rules_carry_the_run_s_name(stage) -> None:
    """Without a reference to the cluster, which would be a circle."""
    name, of_cluster = step(stage)["Name"], cluster(stage)["Name"]
    assert name.endswith(run_id(stage))
    assert of_cluster.startswith(f"{name}-")
    patterns = {
        one["EventPattern"]["detail-type"][0]: one["EventPattern"]["detail"]
        for one in of_type(stage, "AWS::Events::Rule")
        if "EventPattern" in one
    }
    assert name.startswith(patterns["EMR Step Status Change"]["name"][0]["prefix"])
    assert patterns["EMR Step Status Change"]["state"] == ["COMPLETED", "FAILED", "CANCELLED"]
    assert patterns["EMR Cluster State Change"] == {
        "name": patterns["EMR Step Status Change"]["name"],
        "state": ["TERMINATED", "TERMINATED_WITH_ERRORS"],
    }


def test_whoever_listens_is_there_before_the_cluster_and_the_deploy_waits_after_it(stage) -> None:
    """Rules, permissions and function first; the condition after cluster, alarms and dashboard."""
    before = depends_on(stage, "AWS::EMR::Cluster")
    for kind in ("AWS::Events::Rule", "AWS::Lambda::Permission", "AWS::CloudFormation::WaitConditionHandle"):
        listening = {name for name in stage.resources("pipeline", kind) if name.startswith("Run")}
        assert listening, kind
        assert listening <= before, kind
    after = depends_on(stage, "AWS::CloudFormation::WaitCondition")
    assert set(stage.resources("pipeline", "AWS::EMR::Cluster")) <= after
    assert set(stage.resources("pipeline", "AWS::CloudWatch::Dashboard")) <= after
    alarms = set(stage.resources("pipeline", "AWS::CloudWatch::Alarm"))
    assert alarms <= before | after


def test_the_function_holds_the_handle_and_waits_no_longer_than_configured() -> None:
    """One signal within the configured time; the handle's URL is in no other place."""
    stacks = synthesise(stage="dev", wait_timeout_minutes=45)
    condition = only(of_type(stacks, "AWS::CloudFormation::WaitCondition"))
    (handle,) = stacks.resources("pipeline", "AWS::CloudFormation::WaitConditionHandle")
    assert (condition["Timeout"], condition["Count"]) == ("2700", 1)
    assert condition["Handle"] == {"Ref": handle}
    holders = [
        one
        for one in of_type(stacks, "AWS::Lambda::Function")
        if one.get("Environment", {}).get("Variables", {}).get("HANDLE_URL") == {"Ref": handle}
    ]
    assert len(holders) == 1


def test_without_waiting_the_deploy_ends_with_the_cluster() -> None:
    """No condition; the run is heard of all the same."""
    stacks = synthesise(stage="dev", wait_for_run=False)
    assert of_type(stacks, "AWS::CloudFormation::WaitCondition") == []
    listening = [one for one in of_type(stacks, "AWS::Events::Rule") if "EventPattern" in one]
    assert len(listening) == 2


def test_every_minute_the_account_looks_at_what_runs_cost(stage) -> None:
    """By a function that knows every type's price and the limit, there before the cluster."""
    stacks = synthesise(stage="dev", max_run_cost_usd=2)
    function = only(
        one for one in of_type(stacks, "AWS::Lambda::Function") if one["Handler"].startswith("cost_limit")
    )
    variables = function["Environment"]["Variables"]
    assert variables["MOST_USD"] == "2.0"
    assert set(json.loads(variables["HOUR_USD"])) == {"m5.xlarge", "m7i-flex.xlarge"}
    rules = stage.resources("pipeline", "AWS::Events::Rule")
    (every,) = [name for name in rules if name.startswith("Limit")]
    assert rules[every]["Properties"]["ScheduleExpression"] == "rate(1 minute)"
    assert every in depends_on(stage, "AWS::EMR::Cluster")


def test_a_new_time_out_makes_a_new_condition_and_no_new_run() -> None:
    """CloudFormation cannot change a condition; the old handle holds the signal of the run that is over."""
    one, other = synthesise(stage="dev"), synthesise(stage="dev", wait_timeout_minutes=45)
    conditions, handles = (
        [set(stacks.resources("pipeline", f"AWS::CloudFormation::{kind}")) for stacks in (one, other)]
        for kind in ("WaitCondition", "WaitConditionHandle")
    )
    assert conditions[0].isdisjoint(conditions[1])
    assert handles[0] == handles[1]
    assert cluster(one) == cluster(other)


def test_a_name_or_a_parameter_makes_a_new_run_with_a_wait_of_its_own() -> None:
    """Run id, handle and condition are new; the name leads the id."""
    first = synthesise(stage="dev")
    for context in ({"run": "harvest-2026"}, {"variance": 0.9}):
        other = synthesise(stage="dev", **context)
        assert run_id(other) != run_id(first)
        for kind in ("WaitCondition", "WaitConditionHandle"):
            names = [set(s.resources("pipeline", f"AWS::CloudFormation::{kind}")) for s in (first, other)]
            assert names[0].isdisjoint(names[1])
    assert run_id(synthesise(stage="dev", run="harvest-2026")).startswith("harvest-2026-")


def test_what_does_not_concern_the_job_makes_no_new_run() -> None:
    """Alarms, retention and the size of the cluster leave the run as it is."""
    first = synthesise(stage="dev")
    for context in ({"rejected_share_alarm": 0.5}, {"idle_timeout_minutes": 10}, {"task_maximum": 2}):
        assert run_id(synthesise(stage="dev", **context)) == run_id(first)


def test_what_emr_could_change_in_place_makes_a_new_cluster_for_the_same_run() -> None:
    """A cluster that has ended refuses every change: nothing changes in place without a new name."""
    replacing = create_only("AWS::EMR::Cluster")
    assert "Name" in replacing
    before = cluster(synthesise(stage="dev"))
    for context in ({"idle_timeout_minutes": 10}, {"task_maximum": 2}):
        after = cluster(synthesise(stage="dev", **context))
        changed = {name for name in after if after[name] != before[name]}
        assert changed - replacing, "EMR could change nothing of it in place"
        assert "Name" in changed
        assert after["Steps"] == before["Steps"]


def test_outputs_name_what_the_operating_tools_read(stage) -> None:
    """Cluster, run, results, logs, job, extractor, role and dashboard."""
    names = "ClusterId RunId ResultsUri LogsUri JobUri ExtractorUri LauncherName SubmitRoleArn DashboardUrl"
    assert set(stage.outputs("pipeline")) >= set(names.split())
    results = plain(stage.outputs("pipeline")["ResultsUri"]["Value"], BUCKETS)
    assert results == f"s3://results/runs/{run_id(stage)}/"


def test_functions_are_uploaded_without_what_a_machine_leaves_in_them(prod) -> None:
    """No compiled file: the same commit makes the same template on every machine."""
    folders = [path for path in prod.directory.glob("asset.*") if (path / "run_ended").is_dir()]
    assert len(folders) == 1
    names = {path.name for path in folders[0].rglob("*") if path.is_file()}
    assert names == {"__init__.py", "handler.py"}
