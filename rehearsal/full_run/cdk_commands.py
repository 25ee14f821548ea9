"""CDK's command line against the rehearsal's AWS, as `make deploy` uses it against a real account."""

from collections.abc import Callable

from infra.contract.names import StackPart, stack_name
from operate.cdk import QUIET, cdk_program, cdk_words
from rehearsal.full_run.child_programs import Children
from rehearsal.full_run.request import Request

AT_ONCE = "3"


def bootstrap(children: Children, account: str, region: str) -> None:
    """`cdk bootstrap`: the bucket and the roles that a deploy uses."""
    words = [*cdk_program(), "bootstrap", f"aws://{account}/{region}", *QUIET]
    # Away from cdk.json: bootstrap would synthesise the stacks first.
    children.run(words, "cdk-bootstrap", folder=children.folder)


def synthesise(children: Children, request: Request) -> None:
    """The stacks, once for all that follows."""
    output = f"--output={request.assembly}"
    children.run([*cdk_program(), "synth", "--quiet", output, *request.context, *QUIET], "cdk-synth")


def deploy(
    children: Children,
    request: Request,
    *parts: StackPart,
    meanwhile: Callable[[], None] | None = None,
) -> None:
    """Deploy these stacks alone, those that are there already left as they are.

    Args:
        meanwhile: called about once a second.

    Raises:
        RehearsalError: CDK failed; the message holds CloudFormation's reasons.
    """
    stacks = [stack_name(request.stage, part) for part in parts]
    options = ["--exclusively", "--require-approval=never", f"--concurrency={AT_ONCE}", "--progress=events"]
    words = cdk_words("deploy", request.assembly, [*stacks, *options])
    children.run(words, f"cdk-deploy-{'-'.join(parts)}", meanwhile=meanwhile)


def destroy(children: Children, request: Request) -> None:
    """Take all stacks of the stage away."""
    words = cdk_words("destroy", request.assembly, ["--all", "--force"])
    children.run(words, "cdk-destroy")
