"""What the cluster promises: it grows and ends by itself, keeps its driver, and encrypts."""

import json

from infra.config.instances import instance_types
from infra.config.sizing import spark_configuration
from infra.costs.prices import price_table
from tests.infrastructure.pipeline_template import cluster, depends_on, of_type, plain, settings
from tests.infrastructure.synthesis import only, synthesise


def fleets(stacks) -> dict[str, dict]:
    instances = cluster(stacks)["Instances"]
    found = {"primary": instances["MasterInstanceFleet"], "core": instances["CoreInstanceFleet"]}
    if "TaskInstanceFleets" in instances:
        found["task"] = only(instances["TaskInstanceFleets"])
    return found


def test_each_fleet_has_several_types_to_choose_from(stage) -> None:
    """Of one weight: a unit is an instance, in targets and limits alike."""
    for fleet in fleets(stage).values():
        types = fleet["InstanceTypeConfigs"]
        assert len({one["InstanceType"] for one in types}) > 1
        assert {one["WeightedCapacity"] for one in types} == {1}


def test_primary_and_core_are_on_demand_and_tasks_begin_on_spot(stage) -> None:
    """What holds the driver and HDFS cannot be taken away; both targets are always given."""
    targets = {
        name: (fleet["TargetOnDemandCapacity"], fleet["TargetSpotCapacity"])
        for name, fleet in fleets(stage).items()
    }
    assert targets == {"primary": (1, 0), "core": (2, 0), "task": (0, 1)}
    spot = fleets(stage)["task"]["LaunchSpecifications"]["SpotSpecification"]
    assert spot["AllocationStrategy"] == "price-capacity-optimized"
    assert spot["TimeoutAction"] == "SWITCH_TO_ON_DEMAND"


def test_every_disk_of_a_node_is_in_its_price(stage) -> None:
    """The system's and the data's: a node is never cheaper in the plan than on the bill."""
    root = cluster(stage)["EbsRootVolumeSize"]
    for fleet in fleets(stage).values():
        for one in fleet["InstanceTypeConfigs"]:
            volume = only(one["EbsConfiguration"]["EbsBlockDeviceConfigs"])
            size = volume["VolumeSpecification"]["SizeInGB"] * volume["VolumesPerInstance"]
            assert root + size == price_table()["ebs_gib_per_node"]


def test_groups_are_not_mixed_with_fleets(stage) -> None:
    """EMR refuses a cluster with both."""
    assert not [name for name in cluster(stage)["Instances"] if "InstanceGroup" in name]


def test_without_task_nodes_there_is_no_task_fleet() -> None:
    """A fleet of none is refused."""
    stacks = synthesise(stage="dev", task_maximum=0)
    assert set(fleets(stacks)) == {"primary", "core"}


def test_scaling_stays_within_the_configured_limits() -> None:
    """Half of five task nodes may be Spot: two, so three and all core nodes are on demand at most."""
    stacks = synthesise(
        stage="dev",
        core_minimum=3,
        core_maximum=3,
        task_maximum=5,
        task_spot_share=0.5,
        max_hourly_cost_usd=9,
    )
    assert cluster(stacks)["ManagedScalingPolicy"]["ComputeLimits"] == {
        "UnitType": "InstanceFleetUnits",
        "MinimumCapacityUnits": 3,
        "MaximumCapacityUnits": 8,
        "MaximumCoreCapacityUnits": 3,
        "MaximumOnDemandCapacityUnits": 6,
    }


def test_an_idle_cluster_ends_by_itself() -> None:
    """After the configured minutes; it stays alive for a second run until then, and can be deleted."""
    properties = cluster(synthesise(stage="dev", idle_timeout_minutes=20))
    assert properties["AutoTerminationPolicy"] == {"IdleTimeout": 1200}
    assert properties["Instances"]["KeepJobFlowAliveWhenNoSteps"] is True
    assert properties["Instances"]["TerminationProtected"] is False


def test_the_driver_runs_on_core_nodes(stage) -> None:
    """Node labels are on, and the application master wants the label of core nodes."""
    yarn = settings(stage, "yarn-site")
    assert yarn["yarn.node-labels.enabled"] == "true"
    assert yarn["yarn.node-labels.am.default-node-label-expression"] == "CORE"
    assert settings(stage, "spark-defaults")["spark.yarn.am.nodeLabelExpression"] == "CORE"


def test_without_task_nodes_core_nodes_grow_with_the_executors() -> None:
    """No label: with drivers restricted to CORE, EMR would add core nodes for drivers alone."""
    stacks = synthesise(stage="dev", task_maximum=0)
    names = {one["Classification"] for one in cluster(stacks)["Configurations"]}
    assert names == {"spark-defaults", "hdfs-site"}
    assert "Label" not in str(cluster(stacks)["Configurations"])


def test_a_step_does_not_wait_for_a_notebook() -> None:
    """Where notebooks live beside it, drivers may take all of YARN's memory instead of a tenth."""
    stacks = synthesise(stage="dev", applications=["JupyterEnterpriseGateway"])
    assert settings(stacks, "capacity-scheduler") == {
        "yarn.scheduler.capacity.maximum-am-resource-percent": "1"
    }


def test_executors_are_sized_for_the_instance_type() -> None:
    """As the sizing says, with the engine's memory beside the heap; larger nodes hold larger executors."""
    for name in ("m5.xlarge", "m5.2xlarge"):
        stacks = synthesise(
            stage="dev", core_instance_types=[name], task_instance_types=[name], max_hourly_cost_usd=50
        )
        sizing = spark_configuration(instance_types()[name], model="mobilenet_v2", engine="openvino")
        spark = settings(stacks, "spark-defaults")
        assert sizing.properties().items() <= spark.items()
        assert int(spark["spark.executor.memoryOverhead"].rstrip("m")) >= 850 * sizing.executor_cores


def test_scaling_decides_how_many_executors_there_are(stage) -> None:
    """Dynamic allocation is on; nothing claims the whole cluster for one application."""
    assert settings(stage, "spark-defaults")["spark.dynamicAllocation.enabled"] == "true"
    assert "maximizeResourceAllocation" not in json.dumps(cluster(stage))


def test_a_task_has_tries_left_after_those_on_one_node(stage) -> None:
    """Spark gives up a run when a task has failed four times; a node with a full disk has at most three."""
    spark = settings(stage, "spark-defaults")
    assert spark["spark.excludeOnFailure.enabled"] == "true"
    assert spark["spark.excludeOnFailure.task.maxTaskAttemptsPerNode"] == "3"
    assert "spark.task.maxFailures" not in spark


def test_event_logs_stay_where_the_persistent_spark_ui_finds_them(stage) -> None:
    """In HDFS, kept twice: no setting moves them."""
    spark = settings(stage, "spark-defaults")
    assert spark["spark.eventLog.enabled"] == "true"
    assert "spark.eventLog.dir" not in spark
    assert settings(stage, "hdfs-site") == {"dfs.replication": "2"}


def test_the_cluster_waits_for_roles_rules_and_routes(stage) -> None:
    """Without a policy or a route it would fail as it starts; without a rule its group could not go."""
    before = depends_on(stage, "AWS::EMR::Cluster")
    kinds = ("AWS::IAM::Policy", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress")
    others = ("Submitter", "Certificates", "Network", "Launcher")
    for kind in kinds:
        ids = set(stage.resources("pipeline", kind))
        ours = {one for one in ids if not one.startswith(others)}
        assert ours
        assert ours <= before, kind
    assert set(stage.resources("pipeline", "AWS::EC2::Route")) <= before


def test_logs_go_below_one_prefix_and_are_encrypted_in_prod(dev, prod) -> None:
    """With the data key where there is one."""
    assert "LogEncryptionKmsKeyId" not in cluster(dev)
    assert "Fn::ImportValue" in cluster(prod)["LogEncryptionKmsKeyId"]
    assert str(cluster(dev)["LogUri"]).endswith("/emr/']]}")


def test_optional_applications_are_installed_beside_spark() -> None:
    """Hadoop and Spark always, what is configured besides."""
    stacks = synthesise(stage="dev", applications=["JupyterEnterpriseGateway"])
    names = [one["Name"] for one in cluster(stacks)["Applications"]]
    assert names == ["Hadoop", "Spark", "JupyterEnterpriseGateway"]


def test_the_executors_of_a_tuning_are_those_of_the_cluster() -> None:
    """As many at most, each of these cores; without the fields scaling alone limits them."""
    tuned = settings(synthesise(stage="dev", executors=6, executor_cores=2), "spark-defaults")
    assert tuned["spark.dynamicAllocation.maxExecutors"] == "6"
    assert tuned["spark.executor.cores"] == "2"
    assert "spark.dynamicAllocation.maxExecutors" not in settings(synthesise(stage="dev"), "spark-defaults")


def transit(stacks) -> dict:
    configuration = only(of_type(stacks, "AWS::EMR::SecurityConfiguration"))["SecurityConfiguration"]
    return configuration["EncryptionConfiguration"].get("InTransitEncryptionConfiguration", {})


def test_prod_makes_a_certificate_for_each_deployment(prod) -> None:
    """Named after the run, made by a function; no private key and no PEM is in the template."""
    made = only(of_type(prod, "Custom::TransitCertificates"))
    run_id = prod.outputs("pipeline")["RunId"]["Value"]
    assert made["Key"] == f"transit/fruit-features-prod-pipeline/{run_id}.zip"
    assert made["HostName"] == "*.eu-west-3.compute.internal"
    assert "BEGIN" not in prod.text("pipeline")
    certificates = transit(prod)["TLSCertificateConfiguration"]
    assert certificates["CertificateProviderType"] == "PEM"
    assert certificates["S3Object"]["Fn::GetAtt"][1] == "Uri"


def test_only_the_cluster_reads_its_private_key(prod) -> None:
    """The bucket refuses every principal but the nodes' role: a tag could come with anybody's session."""
    (denial,) = [one for _, one in prod.statements() if one.get("Sid") == "OnlyTheClusterReadsCertificates"]
    assert denial["Effect"] == "Deny"
    assert denial["Principal"] in ("*", {"AWS": "*"})
    ((operator, condition),) = denial["Condition"].items()
    assert (operator, list(condition)) == ("ArnNotEquals", ["aws:PrincipalArn"])
    named = plain(condition["aws:PrincipalArn"]).rpartition("/")[2]
    roles = prod.resources("pipeline", "AWS::IAM::Role")
    (reader,) = [name for name, role in roles.items() if role["Properties"].get("RoleName") == named]
    assert reader.startswith("InstancesRole")


def test_a_certificate_is_looked_at_every_month(prod) -> None:
    """A cluster may be started long after the deploy: the function that made the archive renews it."""
    made = only(of_type(prod, "Custom::TransitCertificates"))
    rules = of_type(prod, "AWS::Events::Rule")
    (rule,) = [one for one in rules if one.get("ScheduleExpression") == "rate(30 days)"]
    target = only(rule["Targets"])
    assert target["Arn"] == made["ServiceToken"]
    assert "Renew" in str(target["Input"])
    assert made["Key"] in str(target["Input"])


def test_certificates_of_one_s_own_are_used_as_they_are() -> None:
    """By their URI; then nothing makes any, nodes may read that archive, and the endpoint lets it through."""
    uri = "s3://company-certificates/emr/nodes.zip"
    stacks = synthesise(stage="prod", transit_certificates=uri)
    assert transit(stacks)["TLSCertificateConfiguration"]["S3Object"] == uri
    assert stacks.resources("pipeline", "Custom::TransitCertificates") == {}
    readers = [
        where
        for where, one in stacks.statements()
        if "company-certificates/emr/nodes.zip" in str(one.get("Resource"))
    ]
    assert [where for where in readers if "InstancesRole" in where]
    endpoint = only(of_type(stacks, "AWS::EC2::VPCEndpoint"))
    assert "company-certificates" in str(endpoint["PolicyDocument"])
