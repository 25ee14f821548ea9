"""The function that starts a cluster for a run, and the schedule that calls it."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk.aws_emr import CfnCluster
from aws_cdk.aws_events import Rule, RuleTargetInput, Schedule
from aws_cdk.aws_events_targets import LambdaFunction
from aws_cdk.aws_lambda import Function
from constructs import Construct

from infra.access import statements as allow
from infra.access.cluster_roles import MANAGED_POLICY_TAG
from infra.artifacts.declaration import Artifacts
from infra.artifacts.packing import files_below
from infra.checkout import ROOT
from infra.cluster.emr_cluster import ClusterSite
from infra.config.deployment import DeploymentConfig
from infra.contract.names import cost_tags, run_name_prefix
from infra.contract.prefixes import LAUNCHES, RUNS
from infra.costs.cost import largest_hourly_cost
from infra.launch.cluster_request import job_flow_request, with_variables
from infra.launch.run_request import DeployedJob
from infra.python_function import python_function
from infra.storage.bucket import Buckets
from spark_job.contract.step import split_step

# What the function imports, at the same places as in the checkout.
PACKED = (
    *("spark_job/__init__.py", "spark_job/contract"),
    *("infra/__init__.py", "infra/contract", "infra/launch"),
)
PACKAGE = "infra/launch/functions/launcher"
# The listing of a million photographs takes minutes; a person's request takes seconds.
TIMEOUT = Duration.minutes(15)


def launcher_function(
    scope: Construct,
    *,
    config: DeploymentConfig,
    cluster: CfnCluster,
    site: ClusterSite,
    buckets: Buckets,
    artifacts: Artifacts,
) -> Function:
    """Make the function that starts a cluster like the stack's for the run of a person or of the schedule."""
    here = Construct(scope, "Launcher")
    text, variables = with_variables(_definition(config, cluster, buckets, artifacts))
    with TemporaryDirectory() as folder:
        _pack(Path(folder), text)
        function = python_function(
            here,
            "Starter",
            config=config,
            folder=Path(folder),
            handler=f"{PACKAGE.replace('/', '.')}.handler.handle",
            description="Starts a cluster for a run",
            grants=_grants(Stack.of(here), config, site, buckets),
            environment=variables,
            timeout=TIMEOUT,
        )
    if config.schedule:
        scheduled = RuleTargetInput.from_object({"scheduled": True})
        Rule(
            here,
            "Schedule",
            description=f"Runs of {run_name_prefix(config.stage)}*, if there are new images",
            schedule=Schedule.expression(f"cron({config.schedule})"),
            targets=[LambdaFunction(function, event=scheduled)],
        )
    return function


def _definition(config: DeploymentConfig, cluster: CfnCluster, buckets: Buckets, artifacts: Artifacts) -> str:
    """Return deployed job and cluster as JSON, with CDK's tokens in it."""
    # The properties as the template will have them; CDK has no public name for this.
    properties: Mapping[str, Any] = cluster._render_properties(cluster._cfn_properties)
    tags = {**cost_tags(config.stage), MANAGED_POLICY_TAG: "true"}
    request = job_flow_request(properties, tags)
    nodes = sum(fleet.maximum for fleet in config.fleets if fleet.name != "primary")
    words = split_step(request["Steps"][0]["HadoopJarStep"]["Args"])
    assert words is not None, "the step of a deploy runs the job"
    deployed = DeployedJob(
        spark=words[0],
        job=words[1],
        prefix=run_name_prefix(config.stage),
        extractor=artifacts.extractor.s3_uri,
        image_buckets=tuple(bucket.bucket_name for bucket in buckets.images),
        artifacts_bucket=buckets.artifacts.bucket_name,
        model=config.model,
        families=tuple(sorted(config.families)),
        cores=nodes * config.sizing().cores_per_node,
        nodes=nodes,
        hourly_usd=largest_hourly_cost(config.fleets, config.region, public=config.public_nodes),
        most_hourly_usd=config.max_hourly_cost_usd,
    )
    return json.dumps({"deployed": asdict(deployed), "cluster": request}, indent=1, sort_keys=True)


def _pack(folder: Path, definition: str) -> None:
    """Put the function's modules into a folder, but this one, which makes the stack, and the definition."""
    for place in PACKED:
        source = ROOT / place
        files = [source] if source.is_file() else [source / name for name in files_below(source)]
        for file in files:
            if file.suffix == ".py" and file != Path(__file__):
                target = folder / file.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
    (folder / PACKAGE / "definition.json").write_text(definition)


def _grants(stack: Stack, config: DeploymentConfig, site: ClusterSite, buckets: Buckets) -> list[allow.Grant]:
    """Let the function start this stage's clusters and see its runs, and with a schedule look for images."""
    stage = config.stage
    # With tags in the request, EMR asks for the right to tag as well.
    start = ["elasticmapreduce:RunJobFlow", "elasticmapreduce:AddTags"]
    no_name = "A cluster has no name before it is started; the condition admits this stage's tags alone"
    claim, claims = [*allow.READ_OBJECTS, "s3:PutObject", "s3:DeleteObject"], [f"{LAUNCHES}/*"]
    one_claim = "Each run has one claim, whose name is given when the run is submitted"
    images = [bucket.bucket_arn for bucket in buckets.images]
    return [
        allow.on_everything("StartClusters", start, no_name, allow.tagged("aws:RequestTag", stage)),
        allow.list_clusters(),
        allow.clusters_of_stage("ListSteps", stack, stage, ["elasticmapreduce:ListSteps"]),
        allow.pass_role("PassServiceRole", site.service_role, "elasticmapreduce.amazonaws.com"),
        allow.pass_role("PassInstanceRole", site.nodes_role, "ec2.amazonaws.com"),
        *([allow.Grant("ListImages", ["s3:ListBucket"], images)] if config.schedule else []),
        allow.list_prefix("ListResults", buckets.results, RUNS),
        allow.list_prefix("ListClaims", buckets.artifacts, LAUNCHES),
        allow.objects("WriteClaims", [buckets.artifacts], claims, claim, one_claim),
        *allow.use_key("UseKey", buckets.key, allow.USE_KEY),
    ]
