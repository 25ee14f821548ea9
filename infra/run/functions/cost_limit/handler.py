"""Every minute: what has each running run cost, and may it go on? The driver looks for the answer.

A run's cost is that of its cluster's nodes since the step before it ended, or since the cluster was started.
How far the runs are, as their drivers say it, goes to CloudWatch with it: all of them together.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_s3 import S3Client

OPTION = "--max-cost="
ACTIVE_CLUSTERS: Any = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]
ACTIVE_STEPS = ("PENDING", "CANCEL_PENDING", "RUNNING")
# What a run may still cost when it is told to stop: until the function and the driver look again, the minute
# in which parts may be finished, the driver's second attempt, and the end of the cluster.
SECONDS_TO_STOP = 60.0 + 10.0 + 60.0 + 60.0 + 120.0
# Metric of running runs: the field of progress.json while images are computed, and what it is multiplied by.
PROGRESS_METRICS = {
    "ImagesDone": ("done", 1),
    "ImagesPerMinute": ("images_per_second", 60),
    "ImagesRejectedSoFar": ("rejected", 1),
}
COST_METRIC = "CostSoFarUsd"


@dataclass(frozen=True)
class CostLimits:
    """Looks at the runs of a stage."""

    emr: EMRClient
    s3: S3Client
    cloudwatch: CloudWatchClient
    prefix: str  # what the names of the stage's clusters and steps begin with
    runs_uri: str  # bucket and prefix of the runs' folders, `BUCKET/PREFIX`
    hour_usd: Mapping[str, float]  # price of an hour by instance type, on demand
    most_usd: float | None  # what a run may cost whose step does not say it; None: there is no limit
    namespace: str  # of the metrics in CloudWatch
    stage: str  # their one dimension

    def look(self, now: datetime) -> None:
        """Look at every cluster; a failure of one is raised when the others have been looked at."""
        errors = []
        figures: Any = Counter()  # of all runs together
        pages = self.emr.get_paginator("list_clusters").paginate(ClusterStates=ACTIVE_CLUSTERS)
        for cluster in [one for page in pages for one in page["Clusters"]]:
            if cluster["Name"].startswith(self.prefix):
                try:
                    created = cluster["Status"]["Timeline"]["CreationDateTime"]
                    figures.update(self._look_at(cluster["Id"], created, now))
                except Exception as error:
                    print(f"cluster {cluster['Id']}: {error}")
                    errors.append(error)
        self._publish(figures)
        if errors:
            raise errors[0]

    def _look_at(self, cluster_id: str, created: datetime, now: datetime) -> dict[str, float]:
        pages = self.emr.get_paginator("list_steps").paginate(ClusterId=cluster_id)
        steps: list[Any] = [step for page in pages for step in page["Steps"]]  # the latest first
        active = [step for step in steps if step["Status"]["State"] in ACTIVE_STEPS]
        if not active:
            return {}
        most = max_cost(active[-1]["Config"]["Args"], self.most_usd)
        ends = [step["Status"]["Timeline"].get("EndDateTime") for step in steps]
        since = max([created, *(end for end in ends if end)])
        instances = self.emr.get_paginator("list_instances").paginate(ClusterId=cluster_id)
        nodes = [node for page in instances for node in page["Instances"]]
        cost, hourly = self._cost(nodes, since, now)
        stop = most is not None and cost + hourly * SECONDS_TO_STOP / 3600 >= most
        told = {
            "cost_usd": cost,
            "max_cost_usd": most,
            "stop": stop,
            "instance_types": sorted({node["InstanceType"] for node in nodes if "InstanceType" in node}),
            "written": now.isoformat(),
        }
        bucket, _, folder = self.runs_uri.partition("/")
        run = f"{folder}/{active[-1]['Name'].removeprefix(self.prefix)}"
        key = f"{run}/cost.json"
        self.s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(told).encode())
        print(json.dumps({"cluster": cluster_id, "key": key, **told}))
        if most is not None and cost >= most:  # the driver has not stopped in time
            self.emr.terminate_job_flows(JobFlowIds=[cluster_id])
        return {COST_METRIC: cost, **self._progress(bucket, f"{run}/progress.json")}

    def _progress(self, bucket: str, key: str) -> dict[str, float]:
        """Return how far a run is while it computes images; the costs matter more than what is missing."""
        try:
            told = json.load(self.s3.get_object(Bucket=bucket, Key=key)["Body"])
            if told["stage"] != "features":
                return {}
            return {name: (told[field] or 0) * times for name, (field, times) in PROGRESS_METRICS.items()}
        except Exception as error:
            print(f"{key}: {error}")
            return {}

    def _publish(self, figures: Mapping[str, float]) -> None:
        of_stage = {"Dimensions": [{"Name": "Stage", "Value": self.stage}]}
        data: Any = [{"MetricName": name, "Value": value, **of_stage} for name, value in figures.items()]
        try:
            if data:
                self.cloudwatch.put_metric_data(Namespace=self.namespace, MetricData=data)
        except Exception as error:
            print(f"figures not published: {error}")

    def _cost(self, nodes: Iterable[Any], since: datetime, now: datetime) -> tuple[float, float]:
        """Return the USD of the nodes from `since` to now, and of an hour of those that are up."""
        cost, hourly, dearest = 0.0, 0.0, max(self.hour_usd.values())
        for node in nodes:
            timeline = node["Status"].get("Timeline", {})
            if "CreationDateTime" not in timeline:
                continue
            price = self.hour_usd.get(node.get("InstanceType", ""), dearest)
            end = timeline.get("EndDateTime")
            created = timeline["CreationDateTime"]
            seconds = (paid_until(created, end or now) - max(created, since)).total_seconds()
            cost += price * max(seconds, 0.0) / 3600
            hourly += 0.0 if end else price
        return cost, hourly


def paid_until(created: datetime, end: datetime) -> datetime:
    """Return until when a node is paid for: EC2 and EMR count seconds, and a minute at least.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html
    """
    return max(end, created + timedelta(minutes=1))


def max_cost(arguments: Iterable[str], default: float | None) -> float | None:
    """Return the USD that a step's run may cost; None: there is no limit."""
    limits = [float(word.removeprefix(OPTION)) for word in arguments if word.startswith(OPTION)]
    return limits[-1] if limits else default


def handle(event: dict[str, Any], context: Any) -> None:
    """Look once; an error is one of the function, and the next minute looks again."""
    CostLimits(
        boto3.client("emr"),
        boto3.client("s3"),
        boto3.client("cloudwatch"),
        os.environ["STEP_PREFIX"],
        os.environ["RUNS_URI"],
        json.loads(os.environ["HOUR_USD"]),
        json.loads(os.environ["MOST_USD"]),
        os.environ["NAMESPACE"],
        os.environ["STAGE"],
    ).look(datetime.now(UTC))
