"""Steps run in order; failures, cancellations and limits are EMR's."""

import pytest

from rehearsal.emr.errors import EmrError
from tests.rehearsal.emr.emr_client import EmrClient, step, until


def add(emr: EmrClient, cluster_id: str, *steps: dict[str, object]) -> list[str]:
    return list(emr.call("AddJobFlowSteps", JobFlowId=cluster_id, Steps=list(steps))["StepIds"])


def ended(emr: EmrClient, cluster_id: str) -> list[str]:
    until(lambda: not {"PENDING", "RUNNING", "CANCEL_PENDING"} & set(emr.step_states(cluster_id)))
    return emr.step_states(cluster_id)


def test_steps_run_one_after_the_other(emr: EmrClient) -> None:
    cluster_id = emr.run(Steps=[step("a", "wait"), step("b")])
    until(lambda: len(emr.computes[cluster_id].programs) == 1)
    assert emr.step_states(cluster_id) == ["RUNNING", "PENDING"]
    assert emr.state(cluster_id) == "RUNNING"
    emr.computes[cluster_id].programs[0].release()
    assert ended(emr, cluster_id) == ["COMPLETED", "COMPLETED"]
    emr.wait(cluster_id, "WAITING")


def test_a_steps_program_arrives_as_it_stands(emr: EmrClient) -> None:
    jar = {
        "Jar": "s3://b/x.jar",
        "MainClass": "Main",
        "Args": ["true", "a b", ""],
        "Properties": [{"Key": "k", "Value": "v"}],
    }
    cluster_id = emr.run(Steps=[{"Name": "n", "HadoopJarStep": jar}])
    ended(emr, cluster_id)
    program = emr.computes[cluster_id].programs[0].program
    assert (program.jar, program.main_class, list(program.arguments)) == ("s3://b/x.jar", "Main", jar["Args"])
    assert program.properties == {"k": "v"}
    told = emr.steps(cluster_id)[0]["Config"]
    assert told == {"Jar": "s3://b/x.jar", "MainClass": "Main", "Args": jar["Args"], "Properties": {"k": "v"}}


def test_a_failed_step_tells_why_and_where_its_log_is(emr: EmrClient) -> None:
    cluster_id = emr.run(LogUri="s3://logs/x/", Steps=[step("bad", "exit", "3", on_failure="CONTINUE")])
    assert ended(emr, cluster_id) == ["FAILED"]
    told = emr.steps(cluster_id)[0]
    assert told["Status"]["FailureDetails"] == {
        "Reason": "Unknown Error.",
        "Message": "last words of exit 3",
        "LogFile": f"s3://logs/x/{cluster_id}/steps/{told['Id']}/stderr.gz",
    }


def test_a_jar_that_cannot_be_run_fails_its_step(emr: EmrClient) -> None:
    bad = {"Name": "n", "ActionOnFailure": "CONTINUE", "HadoopJarStep": {"Jar": "s3://b/missing.jar"}}
    cluster_id = emr.run(Steps=[bad, step()])
    assert ended(emr, cluster_id) == ["FAILED", "COMPLETED"]
    assert (
        emr.steps(cluster_id)[0]["Status"]["FailureDetails"]["Message"] == "s3://b/missing.jar cannot be run"
    )


@pytest.mark.parametrize("on_failure", ["TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW", None])
def test_a_failure_may_end_the_cluster(emr: EmrClient, on_failure: str | None) -> None:
    cluster_id = emr.run(Steps=[step("bad", "exit", "1", on_failure=on_failure), step()])
    status = emr.wait(cluster_id, "TERMINATED_WITH_ERRORS")["Status"]
    assert status["StateChangeReason"] == {"Code": "STEP_FAILURE", "Message": "Shut down as step failed"}
    assert emr.step_states(cluster_id) == ["FAILED", "CANCELLED"]


def test_a_failure_may_cancel_what_waits(emr: EmrClient) -> None:
    cluster_id = emr.run(Steps=[step("bad", "exit", "1", on_failure="CANCEL_AND_WAIT"), step(), step()])
    assert ended(emr, cluster_id) == ["FAILED", "CANCELLED", "CANCELLED"]
    emr.wait(cluster_id, "WAITING")


@pytest.mark.parametrize(("option", "force"), [("SEND_INTERRUPT", False), ("TERMINATE_PROCESS", True)])
def test_running_and_waiting_steps_are_cancelled(emr: EmrClient, option: str, force: bool) -> None:
    cluster_id = emr.run()
    ids = add(emr, cluster_id, step("a", "wait"), step("b"))
    until(lambda: len(emr.computes[cluster_id].programs) == 1)
    answer = emr.call("CancelSteps", ClusterId=cluster_id, StepIds=ids, StepCancellationOption=option)
    assert [(told["StepId"], told["Status"]) for told in answer["CancelStepsInfoList"]] == [
        (step_id, "SUBMITTED") for step_id in ids
    ]
    assert ended(emr, cluster_id) == ["CANCELLED", "CANCELLED"]
    assert emr.computes[cluster_id].programs[0].forced is force
    emr.wait(cluster_id, "WAITING")


def test_a_finished_or_unknown_step_is_not_cancelled(emr: EmrClient) -> None:
    cluster_id = emr.run(Steps=[step()])
    ended(emr, cluster_id)
    ids = [emr.steps(cluster_id)[0]["Id"], "s-UNKNOWN"]
    answer = emr.call("CancelSteps", ClusterId=cluster_id, StepIds=ids)["CancelStepsInfoList"]
    assert [told["Status"] for told in answer] == ["FAILED", "FAILED"]
    assert "COMPLETED" in answer[0]["Reason"]


def test_lists_are_newest_first_in_pages_of_50_and_filtered(emr: EmrClient) -> None:
    cluster_id = emr.run(Steps=[step(str(number)) for number in range(60)])
    ended(emr, cluster_id)
    first = emr.call("ListSteps", ClusterId=cluster_id)
    second = emr.call("ListSteps", ClusterId=cluster_id, Marker=first["Marker"])
    names = [told["Name"] for told in first["Steps"] + second["Steps"]]
    assert names == [str(number) for number in reversed(range(60))]
    assert len(first["Steps"]) == 50
    assert "Marker" not in second
    assert emr.call("ListSteps", ClusterId=cluster_id, StepStates=["PENDING"])["Steps"] == []
    chosen = [told["Id"] for told in second["Steps"]]
    told = emr.call("ListSteps", ClusterId=cluster_id, StepIds=chosen)["Steps"]
    assert [each["Id"] for each in told] == chosen


def test_limits_of_steps_are_refused(emr: EmrClient) -> None:
    cluster_id = emr.run(Steps=[step("a", "wait")])
    with pytest.raises(EmrError, match="Maximum number of active steps"):
        add(emr, cluster_id, *[step()] * 256)
    with pytest.raises(EmrError, match="Maximum of 10 StepIds"):
        emr.call("ListSteps", ClusterId=cluster_id, StepIds=["s-1"] * 11)
    with pytest.raises(EmrError, match="Step id 's-NONE' is not valid"):
        emr.call("DescribeStep", ClusterId=cluster_id, StepId="s-NONE")
    with pytest.raises(EmrError, match="Marker 'x' is not valid"):
        emr.call("ListSteps", ClusterId=cluster_id, Marker="x")


def test_an_ended_cluster_takes_no_steps(emr: EmrClient) -> None:
    cluster_id = emr.run(keep=False)
    emr.wait(cluster_id, "TERMINATED")
    with pytest.raises(EmrError, match="shutting down, terminated, or finished may not be modified"):
        add(emr, cluster_id, step())
