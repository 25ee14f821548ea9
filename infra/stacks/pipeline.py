"""The pipeline stack: network, roles, the cluster with its run, the wait, alarms and dashboard."""

from aws_cdk import Duration
from constructs import Construct

from infra.access.instance_role import InstanceRole
from infra.access.service_role import ServiceRole, let_emr_manage
from infra.access.submitter_role import SubmitterRole
from infra.artifacts.declaration import Artifacts
from infra.cluster.certificates import certificate_objects, certificates_uri
from infra.cluster.emr_cluster import ClusterSite, EmrCluster, bootstrap_action
from infra.config.deployment import DeploymentConfig
from infra.contract import outputs
from infra.contract.prefixes import EMR_LOGS
from infra.launch.launcher import Launcher
from infra.network.cluster_network import ClusterNetwork, availability_zones
from infra.network.security_groups import ClusterSecurityGroups
from infra.observability.alarms import AlarmGroup, ClusterAlarms, RunAlarms
from infra.observability.dashboard import PipelineDashboard
from infra.run.cost_limit import CostLimit
from infra.run.identity import cluster_name, run_of
from infra.run.step import run_step
from infra.run.waiting import RunWatch, wait_for_run
from infra.stacks.monitoring import MonitoringStack
from infra.stacks.stage_stack import StageStack
from infra.stacks.storage import StorageStack


class PipelineStack(StageStack):
    """One cluster that runs the job on the image sources, once for each run id.

    Attributes:
        run: The run of this deployment.
    """

    def __init__(
        self,
        scope: Construct,
        config: DeploymentConfig,
        *,
        storage: StorageStack,
        monitoring: MonitoringStack,
    ) -> None:
        # Before CDK asks for them: with an account given, it would look them up there at every synth.
        self._zones = availability_zones(config.region)
        super().__init__(scope, "pipeline", config, "network, cluster and run")
        self._config, self._topic = config, monitoring.topic
        self._artifacts = Artifacts.declare(self, config)
        self._buckets = storage.buckets
        self._logs_uri = f"s3://{storage.buckets.logs.bucket_name}/{EMR_LOGS}"
        self.run = run_of(
            config, job_hash=self._artifacts.job.hash, extractor_hash=self._artifacts.extractor.hash
        )
        cluster = self._watched_cluster()
        launcher = Launcher(
            self,
            "Launcher",
            config=config,
            cluster=cluster,
            buckets=self._buckets,
            artifacts=self._artifacts,
        ).function
        if config.schedule:
            AlarmGroup(self, "ScheduleAlarms", monitoring.topic).add(
                "FailingSchedule",
                launcher.metric_errors(period=Duration.minutes(1)),
                "The function that starts clusters failed: the schedule may have started no run",
            )
        submitter = SubmitterRole(self, "Submitter", buckets=self._buckets, config=config, launcher=launcher)
        self._publish(cluster.cluster.ref, launcher.function_name, submitter.role.role_arn)
        let_emr_manage(self)

    @property
    def availability_zones(self) -> list[str]:
        """The zones of the region, by name."""
        return self._zones

    def _watched_cluster(self) -> EmrCluster:
        """Make, in this order, rules and alarms of the run, cluster, alarms of the cluster, and the wait."""
        config, topic, buckets = self._config, self._topic, self._buckets
        watch = RunWatch(self, "Run", config=config, buckets=buckets, run=self.run, logs_uri=self._logs_uri)
        of_runs = RunAlarms(self, "RunAlarms", config=config, topic=topic, function=watch.function)
        cluster = self._cluster(self._site())
        limit = CostLimit(self, "Limit", config=config, buckets=buckets)
        of_limit = AlarmGroup(self, "LimitAlarms", topic)
        of_limit.add(
            "FailingCostLimit",
            limit.function.metric_errors(period=Duration.minutes(1)),
            "The function that stops runs at their cost limit failed: a run may cost more",
        )
        cluster.node.add_dependency(watch, of_runs, limit, of_limit)
        cluster_id = cluster.cluster.ref
        of_cluster = ClusterAlarms(self, "ClusterAlarms", config=config, topic=topic, cluster_id=cluster_id)
        alarms = [*of_runs.alarms, *of_limit.alarms, *of_cluster.alarms]
        page = PipelineDashboard(self, "Page", config=config, alarms=alarms)
        self._dashboard_url = page.url
        if config.wait_for_run:
            wait_for_run(
                self, watch.handle, self.run, config.wait_timeout_minutes, [cluster, of_cluster, page]
            )
        return cluster

    def _site(self) -> ClusterSite:
        config, buckets = self._config, self._buckets
        certificates = certificate_objects(config, buckets)
        reachable = dict.fromkeys([*buckets.arns, *(arn.partition("/")[0] for arn in certificates)])
        network = ClusterNetwork(self, "Network", config=config, bucket_arns=list(reachable))
        instance = InstanceRole(
            self, "Instances", buckets=buckets, stage=config.stage, certificate_arns=certificates
        )
        return ClusterSite(
            network=network,
            groups=ClusterSecurityGroups(self, "Groups", vpc=network.vpc, private=network.private),
            service=ServiceRole(
                self, "Service", instance_role=instance.role, key=buckets.key, spot=config.uses_spot
            ),
            instance=instance,
        )

    def _cluster(self, site: ClusterSite) -> EmrCluster:
        config, files, buckets = self._config, self._artifacts, self._buckets
        return EmrCluster(
            self,
            "Emr",
            config=config,
            name=cluster_name(self.run, config),
            site=site,
            buckets=buckets,
            logs_uri=self._logs_uri,
            bootstrap=bootstrap_action(files.install_script.s3_uri, files.bootstrap_arguments),
            step=run_step(self.run, config, buckets, files),
            certificates_uri=certificates_uri(self, config=config, buckets=buckets, run_id=self.run.id),
        )

    def _publish(self, cluster_id: str, launcher_name: str, submitter_arn: str) -> None:
        results = self.run.results_uri(self._buckets.results.bucket_name)
        values = {
            outputs.CLUSTER_ID: (cluster_id, "The cluster; it ends when it idles"),
            outputs.RUN_ID: (self.run.id, "The run of this deployment"),
            outputs.RESULTS_URI: (f"{results}/{self.run.id}/", "Its results"),
            outputs.LOGS_URI: (f"{self._logs_uri}/{cluster_id}/", "Logs of the cluster"),
            outputs.JOB_URI: (self._artifacts.job.s3_uri, "The packaged job"),
            outputs.EXTRACTOR_URI: (self._artifacts.extractor.s3_uri, "The extractor"),
            outputs.LAUNCHER: (launcher_name, "The function that starts a cluster for a run"),
            outputs.SUBMIT_ROLE_ARN: (submitter_arn, "Assume it to submit runs"),
            outputs.DASHBOARD_URL: (self._dashboard_url, "What ran, and what the cluster does"),
        }
        self.publish(values)
