"""What AWS tells, and when: events late, twice or never, lists in pages, clusters that are forgotten."""

import pytest

from rehearsal.emr.errors import EmrError
from spark_job.contract.errors import MisuseError
from tests.rehearsal.emr.emr_client import EmrClient, step, until


def told(emr: EmrClient) -> list[str]:
    """The states in events of clusters, as they came."""
    return [event.detail["state"] for event in emr.events if "stepId" not in event.detail]


STARTED = ["STARTING", "BOOTSTRAPPING", "WAITING"]


def test_an_event_may_come_twice(emr: EmrClient) -> None:
    """EventBridge delivers at least once."""
    emr.service.conditions.change({"event_copies": 2})
    emr.wait(emr.run(), "WAITING")
    until(lambda: told(emr) == [state for state in STARTED for _ in range(2)])


def test_an_event_may_be_lost(emr: EmrClient) -> None:
    """Those after it come."""
    emr.service.conditions.change({"event_copies": 0})
    cluster_id = emr.wait(emr.run(), "WAITING")["Id"]
    assert told(emr) == []
    emr.service.conditions.change({"event_copies": 1})
    emr.call("TerminateJobFlows", JobFlowIds=[cluster_id])
    until(lambda: told(emr) == ["TERMINATING", "TERMINATED"])


def test_events_may_come_late(emr: EmrClient) -> None:
    """In their order; the end of the rehearsal waits for none."""
    emr.service.conditions.change({"events_late": 0.2})
    cluster_id = emr.run()
    emr.wait(cluster_id, "WAITING")
    assert told(emr) == []
    until(lambda: told(emr) == STARTED)
    emr.service.conditions.change({"events_late": 3600})
    emr.call("TerminateJobFlows", JobFlowIds=[cluster_id])
    emr.wait(cluster_id, "TERMINATED")
    emr.service.stop()
    assert told(emr) == [*STARTED, "TERMINATING", "TERMINATED"]


def test_emr_forgets_a_cluster_two_months_after_its_end(emr: EmrClient) -> None:
    """It is not listed, and its id is not valid; one that lives is known however old it is."""
    ended, lives = emr.run(), emr.run()
    emr.call("TerminateJobFlows", JobFlowIds=[ended])
    emr.wait(ended, "TERMINATED")
    emr.service.conditions.change({"days_ahead": 59})
    assert emr.state(ended) == "TERMINATED"
    emr.service.conditions.change({"days_ahead": 61})
    assert [cluster["Id"] for cluster in emr.call("ListClusters")["Clusters"]] == [lives]
    for operation in ("DescribeCluster", "ListSteps", "ListInstances"):
        with pytest.raises(EmrError, match=f"Cluster id '{ended}' is not valid") as refused:
            emr.call(operation, ClusterId=ended)
        assert (refused.value.code, refused.value.detail) == ("InvalidRequestException", "NoSuchCluster")
    with pytest.raises(EmrError, match="Specified job flow ID does not exist"):
        emr.call("AddJobFlowSteps", JobFlowId=ended, Steps=[step()])


def test_a_cluster_idles_by_emrs_clock(emr: EmrClient) -> None:
    """A day passes at once."""
    cluster_id = emr.run(AutoTerminationPolicy={"IdleTimeout": 604_800})
    emr.wait(cluster_id, "WAITING")
    emr.service.conditions.change({"days_ahead": 1})
    emr.wait(cluster_id, "TERMINATED")


def test_steps_are_listed_in_pages_of_fifty(emr: EmrClient) -> None:
    """The latest first, each once; a marker that no answer held is refused."""
    cluster_id = emr.run(Steps=[step(str(number)) for number in range(120)])
    names: list[str] = []
    sizes, marker = [], ""
    while True:
        more = {"Marker": marker} if marker else {}
        page = emr.call("ListSteps", ClusterId=cluster_id, **more)
        names += [told["Name"] for told in page["Steps"]]
        sizes.append(len(page["Steps"]))
        if not (marker := page.get("Marker", "")):
            break
    assert (names, sizes) == ([str(number) for number in reversed(range(120))], [50, 50, 20])
    with pytest.raises(EmrError, match="Marker 'x' is not valid"):
        emr.call("ListSteps", ClusterId=cluster_id, Marker="x")


@pytest.mark.parametrize(
    "values",
    [{"event_copies": 1.5}, {"event_copies": -1}, {"event_copies": True}, {"logs_late": "1"}, {"weather": 1}],
)
def test_a_setting_of_another_type_is_refused_and_sets_nothing(
    emr: EmrClient, values: dict[str, object]
) -> None:
    """Those beside it neither."""
    before = emr.service.conditions.change({})
    with pytest.raises(MisuseError, match=next(iter(values))):
        emr.service.conditions.change({"spot_vcpu": 3, **values})
    assert emr.service.conditions.change({}) == before
