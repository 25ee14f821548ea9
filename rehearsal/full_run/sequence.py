"""The order of a rehearsal's steps, and the clean-up whatever happens."""

from collections.abc import Callable
from contextlib import closing
from typing import Protocol

from spark_job.contract.errors import FruitError


class Steps(Protocol):
    """What a rehearsal does; a step that fails raises a FruitError."""

    def wait_until_deployable(self) -> None:
        """Wait until CDK's own stack and the templates are there."""

    def examine_account(self) -> None:
        """Check that a deploy can succeed."""

    def deploy_storage(self) -> None:
        """Deploy the buckets and the monitoring."""

    def upload_photographs(self) -> None:
        """Bring the photographs to the bucket of images."""

    def wait_for_artifacts(self) -> None:
        """Wait until what the cluster fetches is built."""

    def run_pipeline(self) -> None:
        """Deploy the pipeline, which starts the cluster and waits for its run."""

    def report(self) -> None:
        """Fetch the results, and print what ran."""

    def close(self) -> None:
        """End what is still being prepared."""

    def has_templates(self) -> bool:
        """Return whether there can be stacks: without templates CDK cannot take any away."""

    def take_down(self) -> list[str]:
        """Destroy the stacks, and return lines about what stays as the stage declares."""


def rehearse(
    steps: Steps, *, keep: bool, say: Callable[[str], None], then: Callable[[], None] = lambda: None
) -> None:
    """Deploy, run, report, and take everything away unless it is to be kept.

    Args:
        say: Prints one line.
        then: Called when the run is complete and all is still up; what it raises is the rehearsal's failure.

    Raises:
        FruitError: a step failed; the stacks have been taken away all the same.
    """
    try:
        with closing(steps):
            steps.wait_until_deployable()
            steps.examine_account()
            steps.deploy_storage()
            steps.upload_photographs()
            steps.wait_for_artifacts()
            steps.run_pipeline()
        steps.report()
        then()
    except FruitError:
        _clean_up(steps, say)
        raise
    if not keep:
        for line in steps.take_down():
            say(line)


def _clean_up(steps: Steps, say: Callable[[str], None]) -> None:
    """Take the stacks away after a failure; one on top of it is printed, and does not replace it."""
    if not steps.has_templates():
        return
    try:
        steps.take_down()
    except FruitError as error:
        say(f"the clean-up failed as well: {error}")
