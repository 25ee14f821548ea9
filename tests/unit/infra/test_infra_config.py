"""The configuration: what it takes, and the one line that says why not."""

from typing import Any

import pytest

from infra.config.deployment import DeploymentConfig
from infra.errors import ConfigError


def refusal(**context: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        DeploymentConfig.from_context(context)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_defaults_are_a_development_stage_in_paris() -> None:
    """Without any context: dev, eu-west-3, public subnets, data that goes with the stack, 14 days."""
    config = DeploymentConfig.from_context({})
    assert (config.stage, config.region, config.network) == ("dev", "eu-west-3", "public")
    assert (config.removal_policy, config.replicate_images) == ("destroy", False)
    assert config.retention_days == 14
    assert config.architecture == "x86_64"


def test_prod_is_private_and_keeps_replicated_data() -> None:
    """The stage alone decides network, removal and replica, unless a field says otherwise."""
    config = DeploymentConfig.from_context({"stage": "prod"})
    assert (config.network, config.removal_policy, config.replicate_images) == ("private", "retain", True)
    assert not DeploymentConfig.from_context({"stage": "prod", "replicate_images": "false"}).replicate_images


def test_strings_of_the_command_line_become_values() -> None:
    """`-c` gives strings: numbers, booleans, lists, mappings and nothing are read from them."""
    config = DeploymentConfig.from_context(
        {
            "task_maximum": "3",
            "task_spot_share": "0.5",
            "wait_for_run": "false",
            "image_sources": "taille-fixe, taille-variable",
            "existing_image_buckets": "taille-fixe=my-photographs",
            "log_retention_days": "30",
            "notification_email": "",
        }
    )
    assert (config.task_maximum, config.task_spot_share, config.wait_for_run) == (3, 0.5, False)
    assert config.image_sources == ("taille-fixe", "taille-variable")
    assert config.existing_image_buckets == {"taille-fixe": "my-photographs"}
    assert config.log_retention_days == 30
    assert config.notification_email is None


def test_values_of_cdk_json_keep_their_types() -> None:
    """Lists, mappings, numbers and booleans of JSON are taken as they are."""
    config = DeploymentConfig.from_context(
        {"image_sources": ["a", "b"], "existing_image_buckets": {"a": "my-photographs"}, "task_maximum": 3}
    )
    assert (config.image_sources, config.task_maximum) == (("a", "b"), 3)
    assert config.existing_image_buckets == {"a": "my-photographs"}


def test_a_stage_has_values_of_its_own_that_the_top_level_overrides() -> None:
    """`stages` in cdk.json: prod's address counts in prod only; `-c` overrides it."""
    stages = {"prod": {"notification_email": "ops@example.com"}}
    of = DeploymentConfig.from_context
    assert of({"stages": stages, "stage": "prod"}).notification_email == "ops@example.com"
    assert of({"stages": stages}).notification_email is None
    chosen = of({"stages": stages, "stage": "prod", "notification_email": "me@example.com"})
    assert chosen.notification_email == "me@example.com"


def test_keys_of_cdk_itself_are_passed_over() -> None:
    """Flags, switches and cached look-ups are no fields of ours."""
    keys = {
        "@aws-cdk/core:checkSecretUsage": True,
        "aws-cdk:enableDiffNoFail": "true",
        "aws:cdk:enable-path-metadata": True,
        "vpc-provider:account=1:region=eu-west-3": {},
        "availability-zones:account=1:region=eu-west-3": ["eu-west-3a"],
    }
    assert DeploymentConfig.from_context(keys) == DeploymentConfig()


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"core_minimun": "2"}, "core_minimun=2: no such field; did you mean core_minimum?"),
        ({"colour": "red"}, "colour=red: no such field; docs/deployment.md lists them all"),
        ({"core_minimum": "two"}, "core_minimum=two: allowed: a whole number, 2 to 100"),
        ({"core_minimum": "1"}, "core_minimum=1: allowed: a whole number, 2 to 100"),
        ({"core_minimum": "2.5"}, "core_minimum=2.5: allowed: a whole number, 2 to 100"),
        ({"core_minimum": True}, "core_minimum=true: allowed: a whole number, 2 to 100"),
        ({"core_minimum": None}, "core_minimum=None: allowed: a whole number, 2 to 100"),
        ({"wait_for_run": "perhaps"}, "wait_for_run=perhaps: allowed: true, false"),
        ({"variance": "nan"}, "variance=nan: allowed: a number, above 0, at most 1"),
        ({"variance": "0"}, "variance=0: allowed: a number, above 0, at most 1"),
        (
            {"labels": "labels.csv"},
            "labels=labels.csv: allowed: folder, folder:N, path, none, or s3://BUCKET/KEY of a table in an "
            "image bucket",
        ),
        ({"task_spot_share": "1.1"}, "task_spot_share=1.1: allowed: a number, 0 to 1"),
        ({"stage": "test"}, "stage=test: allowed: dev, prod"),
        ({"engine": "onnx"}, "engine=onnx: allowed: openvino, tensorflow"),
        ({"account": "1234"}, "account=1234: allowed: 12 digits"),
        ({"notification_email": "ops"}, "notification_email=ops: allowed: one e-mail address"),
        ({"wait_timeout_minutes": "721"}, "wait_timeout_minutes=721: allowed: a whole number, 5 to 720"),
        ({"idle_timeout_minutes": "0"}, "idle_timeout_minutes=0: allowed: a whole number, 1 to 10,080"),
        (
            {"applications": "Hue"},
            "applications=Hue: allowed: a list of JupyterEnterpriseGateway, JupyterHub, Livy",
        ),
        ({"retention_days": "16"}, "retention_days=16: allowed: 4 to 15; more with retention_reason"),
        ({"retention_days": "3"}, "retention_days=3: allowed: 4 to 15; up to 3650 with `retention_reason`"),
        ({"image_sources": "a,a"}, "image_sources=a,a: each name once"),
        (
            {"existing_image_buckets": "b=my-bucket"},
            "existing_image_buckets=b: allowed: names in image_sources (images)",
        ),
        ({"weights": "gone.h5"}, "weights=gone.h5: no such file; allowed: an existing file, or random"),
        ({"core_maximum": "2", "core_minimum": "3"}, "core_maximum=2: must be at least core_minimum=3"),
        (
            {"core_maximum": "3"},
            "core_maximum=3: must be core_minimum=2: beside task nodes, EMR adds core nodes for drivers "
            "alone; raise task_maximum, or do without task nodes (task_maximum=0)",
        ),
        (
            {"submitter_arns": "arn:aws:iam::123456789012:root"},
            "submitter_arns=arn:aws:iam::123456789012:root: "
            "allowed: a list of arn:aws:iam::ACCOUNT:user/NAME or role/NAME",
        ),
        ({"vpc_id": "vpc-01234567"}, "vpc_id=vpc-01234567: needs `account` as well: it is looked up there"),
        ({"stages": "prod"}, 'stages=prod: a mapping such as {"prod": {"notification_email": "…"}}'),
        ({"stages": {"test": {}}}, "stages=test: allowed: dev, prod"),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_in_one_line(context: dict[str, Any], message: str) -> None:
    """The line names field, value and what is allowed."""
    assert refusal(**context) == message


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-2", "eu-central-2"])
def test_regions_outside_the_union_are_refused(region: str) -> None:
    """Data stays in the EU: London and Zurich are not in it, whatever their names begin with."""
    assert refusal(region=region).startswith(f"region={region}: allowed: eu-central-1, ")


def test_regions_of_the_union_without_prices_are_refused() -> None:
    """Without prices there is no limit to the cost: the line says where prices go."""
    message = "region=eu-west-1: no prices of it in infra/costs/prices.json; allowed: eu-west-3"
    assert refusal(region="eu-west-1") == message


@pytest.mark.parametrize("name", ["m5.large", "m7a.xlarge", "x9.huge"])
def test_types_that_the_region_lacks_are_refused(name: str) -> None:
    """Paris has neither m5.large for EMR nor m7a: the line names the type and the families to take."""
    assert refusal(core_instance_types=f"m5.xlarge,{name}") == (
        f"core_instance_types={name}: not among the types for EMR in eu-west-3; "
        "allowed: m5, m7g, m7i-flex, c7i-flex, of xlarge and above"
    )


def test_one_architecture_for_all_nodes() -> None:
    """The wheels are of one platform: a Graviton task node beside Intel core nodes is refused."""
    assert refusal(task_instance_types="m7g.xlarge") == (
        "task_instance_types=m7g.xlarge: is arm64, but all nodes must be as the primary's first: x86_64"
    )
    types = {f"{fleet}_instance_types": "m7g.xlarge" for fleet in ("primary", "core", "task")}
    assert DeploymentConfig.from_context(types).architecture == "arm64"


def test_core_and_task_nodes_are_of_one_size() -> None:
    """One Spark configuration serves both, and each node counts as one unit."""
    assert "core and task nodes need 4 vCPU and 16 GiB" in refusal(task_instance_types="m5.2xlarge")


def test_a_cluster_that_could_cost_too_much_is_refused() -> None:
    """At its largest and dearest, on demand, it must stay below the limit."""
    assert refusal(task_maximum="40").startswith(
        "max_hourly_cost_usd=5: the cluster at its largest costs 12.72"
    )
    assert (
        DeploymentConfig.from_context({"task_maximum": "40", "max_hourly_cost_usd": "13"}).task_maximum == 40
    )


def test_images_may_stay_longer_with_a_reason() -> None:
    """More than 15 days need a reason, which stands in the configuration."""
    config = DeploymentConfig.from_context(
        {"retention_days": "30", "retention_reason": "contract 12 demands a month"}
    )
    assert config.retention_days == 30


def test_without_task_nodes_the_core_nodes_may_grow() -> None:
    """Nothing restricts drivers then, and executors ask for core nodes."""
    assert DeploymentConfig.from_context({"core_maximum": "3", "task_maximum": "0"}).core_maximum == 3


def test_features_of_images_that_are_gone_stay_with_a_reason_only() -> None:
    """Without one, later runs drop them; a reason of one word is none."""
    assert DeploymentConfig().removed == "drop"
    reason = {"keep_removed_reason": "the study keeps vectors of expired photographs"}
    assert DeploymentConfig.from_context(reason).removed == "keep"
    assert "have no consent to ask for" in refusal(**reason, require_consent=True)
    assert refusal(keep_removed_reason="because") == (
        "keep_removed_reason=because: allowed: 10 characters at least"
    )


def test_a_configuration_cannot_be_changed() -> None:
    """What was checked stays as it was checked."""
    with pytest.raises(ValueError, match="frozen"):
        DeploymentConfig().stage = "prod"  # type: ignore[misc]
