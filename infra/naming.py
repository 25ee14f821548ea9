"""Names of stacks and tags: what tells one deployment's resources and bill from another's."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from constructs import IConstruct

PROJECT = "fruit-features"

PROJECT_TAG = "project"
STAGE_TAG = "stage"

StackPart = Literal["storage", "monitoring", "pipeline"]


def stack_name(stage: str, part: StackPart) -> str:
    """The CloudFormation name of a stage's stack: `fruit-features-dev-storage`."""
    return f"{PROJECT}-{stage}-{part}"


def cost_tags(stage: str) -> dict[str, str]:
    """The tags that everything carries, so that a bill can be split by project and stage.

    Bills show them once they are activated as cost allocation tags in the billing console:
    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html
    """
    return {PROJECT_TAG: PROJECT, STAGE_TAG: stage}


def tag_everything(scope: "IConstruct", stage: str) -> None:
    """Put the cost tags on every resource below `scope` that can carry tags."""
    from aws_cdk import Tags  # starts Node, which those who only read the names need not have

    for key, value in cost_tags(stage).items():
        Tags.of(scope).add(key, value)


def pascal_case(name: str) -> str:
    """`taille-fixe` as CloudFormation ids want it: `TailleFixe`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("-"))
