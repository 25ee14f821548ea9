"""Names of stacks, runs, prefixes and tags: they tell one deployment's resources and bill from another's."""

import hashlib
import json
from typing import Any, Literal, get_args

PROJECT = "fruit-features"

StackPart = Literal["storage", "monitoring", "pipeline"]
# In the order in which they are deployed.
STACK_PARTS: tuple[StackPart, ...] = get_args(StackPart)

# The document of Session Manager by which people reach the pages of a cluster.
PORT_FORWARDING = "AWS-StartPortForwardingSession"

UNNAMED = "run"
DIGEST_LENGTH = 12


def stack_name(stage: str, part: StackPart) -> str:
    """Return the CloudFormation name of a stage's stack: `fruit-features-dev-storage`."""
    return f"{PROJECT}-{stage}-{part}"


def run_name_prefix(stage: str) -> str:
    """Return what the names of all clusters and steps of the stage begin with: `fruit-features-dev-`."""
    return f"{PROJECT}-{stage}-"


def named_by_content(name: str | None, content: Any) -> str:
    """Return the id of a run, `NAME-1a2b3c4d5e6f`, with digits of all that decides what the run computes."""
    text = json.dumps(content, sort_keys=True)
    return f"{name or UNNAMED}-{hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]}"


def assets_folder(stage: str) -> str:
    """Return the folder of the CDK's bucket that holds the stage's files: `fruit-features-dev`."""
    return f"{PROJECT}-{stage}"


def cost_tags(stage: str) -> dict[str, str]:
    """Return the tags that every resource carries, so that a bill can be split by project and stage.

    Bills show them once they are activated as cost allocation tags in the billing console:
    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html
    """
    return {"project": PROJECT, "stage": stage}


def pascal_case(name: str) -> str:
    """Write `taille-fixe` as CloudFormation ids want it: `TailleFixe`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("-"))
