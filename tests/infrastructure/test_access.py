"""What the roles promise: each does its work, in its place, and nothing else."""

import re
from fnmatch import fnmatchcase

from infra.access.cluster_roles import SESSION_MANAGER
from infra.access.submitter_role import LOOK_ROUND
from tests.infrastructure.pipeline_template import cluster, plain
from tests.infrastructure.synthesis import as_list, only, synthesise

# Role and action of every resource that is `*`, with the reason.
BARE = {
    ("Run", "cloudwatch:PutMetricData"): "CloudWatch knows no resources; the condition is one namespace",
    ("Lau", "elasticmapreduce:AddTags"): "a new cluster has no name; the condition is this stage's tags",
    ("Lau", "elasticmapreduce:RunJobFlow"): "a new cluster has no name; the condition is this stage's tags",
    ("Lau", "elasticmapreduce:ListClusters"): "EMR lists clusters without a resource; names and states",
    ("Lim", "cloudwatch:PutMetricData"): "CloudWatch knows no resources; the condition is one namespace",
    ("Lim", "elasticmapreduce:ListClusters"): "EMR lists clusters without a resource; names and states",
    ("Sub", "elasticmapreduce:ListClusters"): "EMR lists clusters without a resource; names and states",
    ("Sub", "elasticmapreduce:DescribeSecurityConfiguration"): "A tunnel asks whether pages have TLS",
    **{
        ("Ins", action): "The channels of Session Manager have no names; each node opens its own"
        for action in SESSION_MANAGER
    },
}
# What needs no condition: it looks round, or opens the node's own channels.
FREE = {*LOOK_ROUND, *SESSION_MANAGER}


def policies(stacks) -> dict[str, list[dict]]:
    """Where to the statements of identities, inline ones included."""
    found: dict[str, list[dict]] = {}
    for name, one in stacks.json("pipeline")["Resources"].items():
        properties = one.get("Properties", {})
        if one["Type"] == "AWS::IAM::Policy":
            found[name] = properties["PolicyDocument"]["Statement"]
        elif one["Type"] == "AWS::IAM::Role":
            inline = [policy["PolicyDocument"]["Statement"] for policy in properties.get("Policies", [])]
            found[name] = [statement for statements in inline for statement in statements]
    return found


def of_role(stacks, prefix: str) -> list[dict]:
    return [
        one for name, statements in policies(stacks).items() if name.startswith(prefix) for one in statements
    ]


def role(stacks, prefix: str) -> dict:
    roles = stacks.resources("pipeline", "AWS::IAM::Role")
    (found,) = (one["Properties"] for name, one in roles.items() if name.startswith(prefix))
    return found


def text(resource) -> str:
    """A resource in one line, references by their names."""
    if isinstance(resource, dict):
        ((kind, value),) = resource.items()
        if kind == "Fn::Join":
            return "".join(text(part) for part in value[1])
        return f"<{value if isinstance(value, str) else value[0]}>"
    return str(resource)


def resources_of(statements, action: str) -> set[str]:
    return {
        text(resource)
        for one in statements
        if any(fnmatchcase(action, allowed) for allowed in as_list(one["Action"]))
        for resource in as_list(one["Resource"])
    }


def test_no_action_holds_a_wildcard(stage) -> None:
    """Neither `*` nor `s3:*` nor `s3:Get*`, in any policy of the pipeline."""
    actions = [
        action
        for statements in policies(stage).values()
        for one in statements
        for action in as_list(one["Action"])
    ]
    assert len(actions) > 40
    assert [action for action in actions if "*" in action] == []


def test_every_resource_that_is_a_star_is_known_with_its_reason(stage) -> None:
    """The list is complete, each of it occurs, and what writes has a condition."""
    bare = {
        (name, action)
        for name, statements in policies(stage).items()
        for one in statements
        if "*" in as_list(one["Resource"])
        for action in as_list(one["Action"])
    }
    assert {(name[:3], action) for name, action in bare} == set(BARE)
    assert all(BARE.values())
    conditions = {
        action: one["Condition"]["StringEquals"]
        for statements in policies(stage).values()
        for one in statements
        for action in as_list(one["Action"])
        if "*" in as_list(one["Resource"]) and action not in FREE
    }
    assert conditions.pop("cloudwatch:PutMetricData") == {"cloudwatch:namespace": "FruitFeatures"}
    for tags in conditions.values():
        assert set(tags) == {"aws:RequestTag/project", "aws:RequestTag/stage"}


def test_nodes_read_images_and_cannot_change_them(stage) -> None:
    """What is written goes below `runs/` in the results and `emr/` in the logs, and nowhere else."""
    statements = of_role(stage, "Instances")
    written = resources_of(statements, "s3:PutObject")
    assert {place.rpartition(">")[2] for place in written} == {"/runs/*", "/emr/*"}
    assert all(("Results" in place) == place.endswith("/runs/*") for place in written)
    assert {place.rpartition(">")[2] for place in resources_of(statements, "s3:DeleteObject")} == {"/runs/*"}
    read = resources_of(statements, "s3:GetObject")
    assert [place for place in read if "Images" in place and place.endswith("/*")]


def test_nodes_read_the_staged_files_of_this_stage_alone(dev, prod) -> None:
    """In the CDK's own bucket one folder: what other stacks keep there is not readable.

    The folder, not each file: while a deploy replaces a cluster, the old one still starts nodes and steps.
    """
    for stacks, name in ((dev, "dev"), (prod, "prod")):
        (staged,) = [one for one in of_role(stacks, "Instances") if one.get("Sid") == "ReadStaged"]
        (place,) = as_list(staged["Resource"])
        assert re.search(rf":::cdk-[^/*]+/fruit-features-{name}/\*$", text(place)), text(place)
        assert as_list(staged["Action"]) == ["s3:GetObject"]
        bootstrap = only(cluster(stacks)["BootstrapActions"])["ScriptBootstrapAction"]
        step = only(cluster(stacks)["Steps"])["HadoopJarStep"]
        read = [
            word
            for word in map(plain, [bootstrap["Path"], *bootstrap["Args"], *step["Args"]])
            if "cdk-" in word
        ]
        assert len(read) == 6
        assert all(f"/fruit-features-{name}/" in word for word in read)


def test_listing_is_confined_to_the_prefix(stage) -> None:
    """Results, logs and jobs are listed below their prefix only; but nodes list all results."""
    for who in ("Instances", "Submitter"):
        for one in of_role(stage, who):
            place = text(as_list(one["Resource"])[0])
            if "s3:ListBucket" not in as_list(one["Action"]) or "Images" in place:
                continue
            if who == "Instances" and "Results" in place:
                assert "Condition" not in one  # else a manifest that is absent would be "denied"
            else:
                assert one["Condition"]["StringLike"]["s3:prefix"], one


def test_people_come_to_the_nodes_by_session_manager(stage) -> None:
    """By what AWS documents as enough; its managed policy would let nodes read every parameter."""
    assert "ManagedPolicyArns" not in role(stage, "Instances")
    actions = {action for one in of_role(stage, "Instances") for action in as_list(one["Action"])}
    assert {one for one in actions if one.startswith(("ssm", "ec2"))} == set(SESSION_MANAGER)


def test_emr_s_role_passes_the_nodes_role_and_no_other(stage) -> None:
    """On the managed policy of version 2, and to EC2 alone."""
    managed = [text(arn) for arn in role(stage, "Service")["ManagedPolicyArns"]]
    assert [arn.rpartition("/")[2] for arn in managed] == ["AmazonEMRServicePolicy_v2"]
    (passing,) = [one for one in of_role(stage, "Service") if as_list(one["Action"]) == ["iam:PassRole"]]
    assert text(passing["Resource"]).startswith("<InstancesRole")
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}


def test_emr_may_make_the_role_of_spot_where_spot_is_wanted(stage) -> None:
    """In an account that never had a Spot node EC2 would refuse them; without Spot the right is not given."""
    (making,) = [one for one in of_role(stage, "Service") if one.get("Sid") == "MakeSpotRole"]
    assert making["Action"] == "iam:CreateServiceLinkedRole"
    assert text(making["Resource"]).endswith("/spot.amazonaws.com/AWSServiceRoleForEC2Spot")
    assert making["Condition"] == {"StringEquals": {"iam:AWSServiceName": "spot.amazonaws.com"}}
    without = synthesise(stage="dev", task_maximum=0)
    assert "CreateServiceLinkedRole" not in str(of_role(without, "Service"))


def test_emr_s_role_serves_this_account_s_clusters_only(stage) -> None:
    """The trust names account and clusters: no other account can make EMR use it."""
    (trust,) = role(stage, "Service")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "elasticmapreduce.amazonaws.com"}
    assert set(trust["Condition"]) == {"StringEquals", "ArnLike"}


def test_the_submitter_cannot_start_or_end_clusters_or_hand_on_roles(stage) -> None:
    """No RunJobFlow, no TerminateJobFlows, no PassRole; results are read, never deleted."""
    statements = of_role(stage, "Submitter")
    actions = {action for one in statements for action in as_list(one["Action"])}
    assert [one for one in actions if one.startswith(("iam:", "ec2:"))] == []
    on_clusters = {one.partition(":")[2] for one in actions if one.startswith("elasticmapreduce:")}
    assert on_clusters == {
        "AddJobFlowSteps",
        "CancelSteps",
        "DescribeCluster",
        "DescribeSecurityConfiguration",
        "DescribeStep",
        "GetAutoTerminationPolicy",
        "GetManagedScalingPolicy",
        "ListClusters",
        "ListInstanceFleets",
        "ListInstances",
        "ListSteps",
    }
    assert not [place for place in resources_of(statements, "s3:DeleteObject") if "Results" in place]


def test_the_submitter_s_role_may_be_kept_for_named_people() -> None:
    """A list of users and roles takes the place of the whole account; a session ends after four hours."""
    arns = ["arn:aws:iam::111122223333:user/ada", "arn:aws:iam::111122223333:role/data-science"]
    properties = role(synthesise(stage="dev", submitter_arns=arns), "Submitter")
    trusted = [
        arn
        for one in properties["AssumeRolePolicyDocument"]["Statement"]
        for arn in as_list(one["Principal"]["AWS"])
    ]
    assert sorted(trusted) == sorted(arns)
    assert properties["MaxSessionDuration"] == 4 * 3600


def test_steps_and_tunnels_are_for_this_stage_s_cluster(dev, prod) -> None:
    """Clusters and instances are found by project and stage: dev's people do not reach prod."""
    for stacks, name in ((dev, "dev"), (prod, "prod")):
        tags = {}
        for one in of_role(stacks, "Submitter"):
            if {"elasticmapreduce:AddJobFlowSteps", "ssm:StartSession"} & set(as_list(one["Action"])):
                tags |= one.get("Condition", {}).get("StringEquals", {})
        assert tags == {
            "elasticmapreduce:ResourceTag/project": "fruit-features",
            "elasticmapreduce:ResourceTag/stage": name,
            "ssm:resourceTag/project": "fruit-features",
            "ssm:resourceTag/stage": name,
        }


def test_prod_roles_use_the_data_key_and_dev_has_none(dev, prod) -> None:
    """Nodes, EMR and submitter name the key; without one no role speaks of KMS."""
    spoken = [one for one in policies(dev).values() if "kms:" in str(one)]
    assert spoken == []
    for who in ("Instances", "Service", "Submitter", "Run"):
        assert resources_of(of_role(prod, who), "kms:Decrypt"), who
