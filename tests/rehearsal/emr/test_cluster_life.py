"""A cluster starts, works and ends as EMR's do."""

from datetime import datetime
from typing import Any

from tests.rehearsal.emr.emr_client import FLEETS, GROUPS, QUICK, EmrClient, step, until

SPARK: dict[str, Any] = {"Applications": [{"Name": "Hadoop"}, {"Name": "Spark"}]}


def action(script: str, *arguments: str) -> dict[str, Any]:
    return {"Name": script, "ScriptBootstrapAction": {"Path": f"s3://b/{script}", "Args": list(arguments)}}


def test_a_cluster_kept_alive_waits_and_has_its_times(emr: EmrClient) -> None:
    told = emr.wait(emr.run(FLEETS, **SPARK), "WAITING")
    times = told["Status"]["Timeline"]
    assert times["CreationDateTime"] <= times["ReadyDateTime"]
    assert isinstance(times["ReadyDateTime"], datetime)
    assert "EndDateTime" not in times


def test_every_node_runs_the_bootstrap_actions_in_order_before_it_joins(emr: EmrClient) -> None:
    cluster_id = emr.run(GROUPS, BootstrapActions=[action("a.sh", "x", "y z"), action("b.sh")], **SPARK)
    emr.wait(cluster_id, "WAITING")
    calls = emr.computes[cluster_id].calls
    for node in emr.nodes(cluster_id, "CORE") + emr.nodes(cluster_id, "TASK"):
        own = [what for what, where in calls if where == node["Ec2InstanceId"]]
        assert own == ["provision", "bootstrap 1 s3://b/a.sh x y z", "bootstrap 2 s3://b/b.sh", "join"]
    primary = emr.nodes(cluster_id, "MASTER")[0]["Ec2InstanceId"]
    assert ("start", primary) in calls
    assert ("join", primary) not in calls


def test_a_failing_bootstrap_action_ends_the_cluster_with_emrs_message(emr: EmrClient) -> None:
    one = {"InstanceGroups": GROUPS["InstanceGroups"][:1]}
    cluster_id = emr.run(one, BootstrapActions=[action("fails.sh")])
    status = emr.wait(cluster_id, "TERMINATED_WITH_ERRORS")["Status"]
    node = emr.nodes(cluster_id)[0]
    assert status["StateChangeReason"] == {
        "Code": "BOOTSTRAP_FAILURE",
        "Message": f"On the master instance ({node['Ec2InstanceId']}), "
        "bootstrap action 1 returned a non-zero return code",
    }
    assert node["Status"]["StateChangeReason"]["Code"] == "BOOTSTRAP_FAILURE"


def test_a_bootstrap_action_that_is_not_there_says_so(emr: EmrClient) -> None:
    status = emr.wait(emr.run(BootstrapActions=[action("missing.sh")]), "TERMINATED_WITH_ERRORS")["Status"]
    assert "s3://b/missing.sh is not there" in status["StateChangeReason"]["Message"]


def test_yarn_that_does_not_come_up_ends_the_cluster(emr: EmrClient) -> None:
    status = emr.wait(emr.run(LogUri="s3://no-yarn-today", **SPARK), "TERMINATED_WITH_ERRORS")["Status"]
    assert status["StateChangeReason"] == {
        "Code": "INTERNAL_ERROR",
        "Message": "the ResourceManager did not come up",
    }


def test_without_keep_alive_it_ends_with_its_steps(emr: EmrClient) -> None:
    cluster_id = emr.run(keep=False, Steps=[step()])
    told = emr.wait(cluster_id, "TERMINATED")
    assert told["Status"]["StateChangeReason"] == {
        "Code": "ALL_STEPS_COMPLETED",
        "Message": "Steps completed",
    }
    assert told["AutoTerminate"] is True


def test_termination_ends_instances_groups_and_processes(emr: EmrClient) -> None:
    cluster_id = emr.run(Steps=[step("runs", "wait"), step("waits")])
    emr.call("TerminateJobFlows", JobFlowIds=[cluster_id])
    told = emr.wait(cluster_id, "TERMINATED")
    assert told["Status"]["StateChangeReason"]["Code"] == "USER_REQUEST"
    assert {node["Status"]["State"] for node in emr.nodes(cluster_id)} == {"TERMINATED"}
    groups = emr.call("ListInstanceGroups", ClusterId=cluster_id)["InstanceGroups"]
    assert {group["Status"]["State"] for group in groups} == {"TERMINATED"}
    assert emr.step_states(cluster_id) == ["INTERRUPTED", "CANCELLED"]
    assert ("stop", "") in emr.computes[cluster_id].calls


def test_termination_does_not_wait_for_a_slow_bootstrap_action(emr: EmrClient) -> None:
    cluster_id = emr.run(BootstrapActions=[action("slow.sh")], **SPARK)
    emr.wait(cluster_id, "BOOTSTRAPPING")
    emr.call("TerminateJobFlows", JobFlowIds=[cluster_id])
    assert emr.wait(cluster_id, "TERMINATED")["Status"]["StateChangeReason"]["Code"] == "USER_REQUEST"


def test_an_idle_cluster_ends_by_its_policy(emr: EmrClient) -> None:
    cluster_id = emr.run(AutoTerminationPolicy={"IdleTimeout": 60})
    status = emr.wait(cluster_id, "TERMINATED")["Status"]
    assert "idle for 60 seconds" in status["StateChangeReason"]["Message"]
    lived = status["Timeline"]["EndDateTime"] - status["Timeline"]["ReadyDateTime"]
    assert lived.total_seconds() >= 60 * QUICK.idle_second


def test_a_busy_cluster_outlives_its_policy(emr: EmrClient) -> None:
    cluster_id = emr.run(AutoTerminationPolicy={"IdleTimeout": 60}, Steps=[step("busy", "wait")])
    until(lambda: bool(emr.computes[cluster_id].programs))
    threshold = 60 * QUICK.idle_second
    ready = emr.wait(cluster_id, "RUNNING")["Status"]["Timeline"]["ReadyDateTime"]
    until(lambda: (datetime.now(ready.tzinfo) - ready).total_seconds() > 2 * threshold)
    assert emr.state(cluster_id) == "RUNNING"
    emr.computes[cluster_id].programs[0].release()
    emr.wait(cluster_id, "TERMINATED")


def test_a_third_yarn_cluster_waits_for_a_place(emr: EmrClient) -> None:
    first, second = emr.run(**SPARK), emr.run(**SPARK)
    emr.wait(first, "WAITING")
    emr.wait(second, "WAITING")
    third, light = emr.run(**SPARK), emr.run()
    emr.wait(light, "WAITING")
    assert emr.state(third) == "STARTING"
    emr.call("TerminateJobFlows", JobFlowIds=[first])
    emr.wait(third, "WAITING")


def test_a_cluster_that_waits_for_a_place_can_be_ended(emr: EmrClient) -> None:
    for _ in range(2):
        emr.wait(emr.run(**SPARK), "WAITING")
    third = emr.run(**SPARK)
    emr.call("TerminateJobFlows", JobFlowIds=[third])
    emr.wait(third, "TERMINATED")
    assert third not in emr.computes


def test_a_task_node_lost_while_the_others_start_is_replaced(emr: EmrClient) -> None:
    cluster_id = emr.run(BootstrapActions=[action("slow-on-core.sh")], **SPARK)
    until(lambda: len(emr.nodes(cluster_id, "TASK", "RUNNING")) == 1)
    emr.service.interrupt(cluster_id)
    until(lambda: len(emr.nodes(cluster_id, "TASK")) == 2)
    assert emr.state(cluster_id) == "BOOTSTRAPPING"
    emr.computes[cluster_id].core_may_go_on.set()
    emr.wait(cluster_id, "WAITING")


def test_a_cluster_outlives_a_yarn_that_does_not_answer_for_a_while(emr: EmrClient) -> None:
    cluster_id = emr.run(AutoTerminationPolicy={"IdleTimeout": 60}, **SPARK)
    until(lambda: cluster_id in emr.computes)
    emr.computes[cluster_id].silent = True
    ready = emr.wait(cluster_id, "WAITING")["Status"]["Timeline"]["ReadyDateTime"]
    until(lambda: (datetime.now(ready.tzinfo) - ready).total_seconds() > 2 * 60 * QUICK.idle_second)
    assert emr.state(cluster_id) == "WAITING"
    emr.computes[cluster_id].silent = False
    emr.wait(cluster_id, "TERMINATED")


def test_losing_the_primary_node_ends_the_cluster(emr: EmrClient) -> None:
    cluster_id = emr.run(**SPARK)
    emr.wait(cluster_id, "WAITING")
    emr.computes[cluster_id].dead.add(emr.nodes(cluster_id, "MASTER")[0]["Ec2InstanceId"])
    status = emr.wait(cluster_id, "TERMINATED_WITH_ERRORS")["Status"]
    assert status["StateChangeReason"]["Code"] == "INSTANCE_FAILURE"


def test_many_light_clusters_live_at_once(emr: EmrClient) -> None:
    clusters = [emr.run(Name=f"c{number}") for number in range(60)]
    assert {emr.state(cluster_id) for cluster_id in clusters} == {"WAITING"}
