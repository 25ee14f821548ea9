"""CloudFormation and a cluster that has ended: an update, a rollback, and what the rehearsal may be told."""

import json
import urllib.error
import urllib.request

import pytest

from spark_job.contract.errors import FruitError
from tests.rehearsal.emr.test_refusals import PROPERTIES
from tests.waiting import wait_until

NEVER = {
    "Type": "AWS::CloudFormation::WaitCondition",
    "DependsOn": "Cluster",
    "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "2"},
}


def template(idle_timeout, **more):
    """A stack of one cluster; its idle timeout is what an update changes."""
    properties = {**PROPERTIES, "AutoTerminationPolicy": {"IdleTimeout": idle_timeout}}
    handle = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    cluster = {"Type": "AWS::EMR::Cluster", "Properties": properties}
    return json.dumps({"Resources": {"Cluster": cluster, "Handle": handle, **more}})


@pytest.fixture
def stack(aws):
    """A stack with a cluster that waits."""
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(StackName="one", TemplateBody=template(600_000))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="one", WaiterConfig={"Delay": 1})
    yield cloudformation
    cloudformation.delete_stack(StackName="one")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="one", WaiterConfig={"Delay": 1})


def cluster_of(stack):
    """The id of its cluster."""
    described = stack.describe_stack_resource(StackName="one", LogicalResourceId="Cluster")
    return described["StackResourceDetail"]["PhysicalResourceId"]


def end(aws, cluster):
    """As its idle timeout would."""
    emr = aws.client("emr")
    emr.terminate_job_flows(JobFlowIds=[cluster])
    wait_until(lambda: state(emr, cluster) == "TERMINATED", "the cluster has ended", 10, pause=0.05)


def state(emr, cluster):
    return emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"]


def last_state(stack):
    """The stack's, once its update and its rollback have ended."""

    def state():
        return stack.describe_stacks(StackName="one")["Stacks"][0]["StackStatus"]

    wait_until(lambda: not state().endswith("_IN_PROGRESS"), "the update has ended", 30)
    return state()


def reasons(stack):
    events = stack.describe_stack_events(StackName="one")["StackEvents"]
    return " ".join(event.get("ResourceStatusReason", "") for event in events)


@pytest.mark.parametrize(("sees", "last"), [("true", "UPDATE_ROLLBACK_FAILED"), ("false", "UPDATE_COMPLETE")])
def test_an_update_after_the_clusters_end(aws, stack, tell, sees, last):
    """EMR refuses it, and the rollback too; or CloudFormation makes nothing of it."""
    tell(f"stacks_see_refusals={sees}")
    end(aws, cluster_of(stack))
    stack.update_stack(StackName="one", TemplateBody=template(60_000))
    assert last_state(stack) == last
    assert ("may not be modified" in reasons(stack)) == (sees == "true")


@pytest.mark.parametrize(
    ("sees", "last"), [("true", "UPDATE_ROLLBACK_FAILED"), ("false", "UPDATE_ROLLBACK_COMPLETE")]
)
def test_a_rollback_after_the_clusters_end(aws, stack, tell, sees, last):
    """The cluster was changed while it lived; it ends before something else fails."""
    tell(f"stacks_see_refusals={sees}")
    cluster, emr = cluster_of(stack), aws.client("emr")
    stack.update_stack(StackName="one", TemplateBody=template(60_000, Never=NEVER))

    def changed():
        return emr.get_auto_termination_policy(ClusterId=cluster)["AutoTerminationPolicy"]["IdleTimeout"]

    wait_until(lambda: changed() == 60_000, "the cluster has been changed", 10)
    end(aws, cluster)
    assert last_state(stack) == last


def test_the_url_of_a_handle_expires_after_a_day(aws, stack, tell):
    """By then S3 answers 403, as to any signed URL that has expired."""
    handle = stack.describe_stack_resource(StackName="one", LogicalResourceId="Handle")
    url = handle["StackResourceDetail"]["PhysicalResourceId"]
    body = json.dumps({"Status": "SUCCESS", "Reason": "", "UniqueId": "1", "Data": ""})

    def signal():
        request = urllib.request.Request(url, body.encode(), {"Content-Type": ""}, method="PUT")
        try:
            return urllib.request.urlopen(request).status
        except urllib.error.HTTPError as error:
            return error.code

    tell("days_ahead=0.9")
    assert signal() == 200
    tell("days_ahead=1")
    assert signal() == 403


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("weather=1", "there is no setting weather: there are stacks_see_refusals"),
        ("stacks_see_refusals=3", "stacks_see_refusals takes a bool, such as True, not 3"),
        ("stacks_see_refusals", "write NAME=VALUE, the value a number, true or false"),
    ],
)
def test_a_setting_that_is_none_is_refused(tell, setting, words):
    """With what there is."""
    with pytest.raises(FruitError, match=words):
        tell(setting)


def test_without_a_setting_all_are_printed(tell, capsys):
    """As they are."""
    tell()
    assert "stacks_see_refusals=true" in capsys.readouterr().out
