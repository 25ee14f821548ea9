"""The pipeline stack: network, roles, the cluster with its run, the wait, alarms and dashboard."""

from aws_cdk import CfnWaitCondition, Tags
from aws_cdk.aws_emr import CfnCluster
from constructs import Construct

from infra.access.cluster_roles import MANAGED_POLICY_TAG, TAGGED_TYPES, instance_role, service_role
from infra.access.submitter_role import submitter_role
from infra.artifacts.declaration import Artifacts
from infra.cluster.certificates import certificate_objects, certificates_uri
from infra.cluster.emr_cluster import ClusterSite, emr_cluster
from infra.config.deployment import DeploymentConfig
from infra.contract import outputs
from infra.contract.prefixes import EMR_LOGS
from infra.launch.launcher import launcher_function
from infra.network.cluster_network import ZONES, ClusterNetwork, ClusterSecurityGroups
from infra.observability import alarm_on_errors, cluster_alarms, pipeline_dashboard, run_alarms
from infra.run.identity import run_of
from infra.run.watching import cost_limit, run_watch
from infra.stacks.monitoring import MonitoringStack
from infra.stacks.stage_stack import StageStack
from infra.stacks.storage import StorageStack


class PipelineStack(StageStack):
    """One cluster that runs the job on the image sources, once for each run id."""

    def __init__(
        self, scope: Construct, config: DeploymentConfig, storage: StorageStack, monitoring: MonitoringStack
    ) -> None:
        # Before CDK asks for them: with an account given, it would look them up there at every synth.
        self._zones = [f"{config.region}{zone}" for zone in ZONES]
        super().__init__(scope, "pipeline", config, "network, cluster and run")
        self._config, self._topic, self._buckets = config, monitoring.topic, storage.buckets
        self._artifacts = Artifacts.declare(self, config)
        self._logs_uri = f"s3://{storage.buckets.logs.bucket_name}/{EMR_LOGS}"
        job, extractor = self._artifacts.job, self._artifacts.extractor
        self.run = run_of(config, job_hash=job.hash, extractor_hash=extractor.hash)
        site = self._site()
        cluster, page = self._watched_cluster(site)
        buckets, artifacts = self._buckets, self._artifacts
        launcher = launcher_function(
            self, config=config, buckets=buckets, cluster=cluster, site=site, artifacts=artifacts
        )
        if config.schedule:
            no_run = "The function that starts clusters failed: the schedule may have started no run"
            here = Construct(self, "ScheduleAlarms")
            alarm_on_errors(here, "FailingSchedule", self._topic, launcher, no_run)
        submitter = submitter_role(self, config=config, buckets=buckets, launcher=launcher)
        cluster_id, results = cluster.ref, self.run.results_uri(buckets.results.bucket_name)
        values = {
            outputs.CLUSTER_ID: (cluster_id, "The cluster; it ends when it idles"),
            outputs.RUN_ID: (self.run.id, "The run of this deployment"),
            outputs.RESULTS_URI: (f"{results}/{self.run.id}/", "Its results"),
            outputs.LOGS_URI: (f"{self._logs_uri}/{cluster_id}/", "Logs of the cluster"),
            outputs.JOB_URI: (job.s3_uri, "The packaged job"),
            outputs.EXTRACTOR_URI: (extractor.s3_uri, "The extractor"),
            outputs.LAUNCHER: (launcher.function_name, "The function that starts a cluster for a run"),
            outputs.SUBMIT_ROLE_ARN: (submitter.role_arn, "Assume it to submit runs"),
            outputs.DASHBOARD_URL: (page, "What ran, and what the cluster does"),
        }
        self.publish(values)
        Tags.of(self).add(MANAGED_POLICY_TAG, "true", include_resource_types=TAGGED_TYPES)

    @property
    def availability_zones(self) -> list[str]:
        return self._zones

    def _site(self) -> ClusterSite:
        config, buckets = self._config, self._buckets
        certificates = certificate_objects(config, buckets)
        reachable = dict.fromkeys([*buckets.arns, *(arn.partition("/")[0] for arn in certificates)])
        network = ClusterNetwork(self, config=config, bucket_arns=list(reachable))
        nodes, profile = instance_role(
            Construct(self, "Instances"), buckets=buckets, stage=config.stage, certificate_arns=certificates
        )
        groups = ClusterSecurityGroups(self, vpc=network.vpc, private=network.private)
        service = service_role(self, instance_role=nodes, key=buckets.key, spot=config.uses_spot)
        return ClusterSite(network, groups, service, nodes, profile)

    def _watched_cluster(self, site: ClusterSite) -> tuple[CfnCluster, str]:
        """Make alarms of the run, cluster, its alarms, dashboard and wait; return the cluster and page."""
        config, topic, buckets = self._config, self._topic, self._buckets
        watch, emr, limits, page = (Construct(self, name) for name in ("Run", "Emr", "Limit", "Page"))
        ended, handle = run_watch(watch, config, buckets, self.run, self._logs_uri)
        of_runs = run_alarms(Construct(self, "RunAlarms"), config, topic, ended)
        cluster = emr_cluster(
            emr,
            config=config,
            run=self.run,
            site=site,
            buckets=buckets,
            artifacts=self._artifacts,
            logs_uri=self._logs_uri,
            certificates_uri=certificates_uri(self, config=config, buckets=buckets, run_id=self.run.id),
        )
        limit = cost_limit(limits, config, buckets)
        may_cost_more = "The function that stops runs at their cost limit failed: a run may cost more"
        alarms = Construct(self, "LimitAlarms")
        of_limit = alarm_on_errors(alarms, "FailingCostLimit", topic, limit, may_cost_more)
        emr.node.add_dependency(watch, *of_runs, limits, of_limit)
        of_cluster = cluster_alarms(Construct(self, "ClusterAlarms"), config, topic, cluster.ref)
        url = pipeline_dashboard(page, config, [*of_runs, of_limit, *of_cluster])
        if config.wait_for_run:  # the deploy fails with the run, or after so many minutes
            minutes = config.wait_timeout_minutes
            # Run and time-out are in the id: CloudFormation cannot change a condition in place.
            name = f"Run{self.run.construct_suffix}Within{minutes}Minutes"
            wait = CfnWaitCondition(self, name, handle=handle.ref, timeout=str(minutes * 60), count=1)
            wait.node.add_dependency(emr, *of_cluster, page)
        return cluster, url
