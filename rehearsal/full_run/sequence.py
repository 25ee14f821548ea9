"""The order of a rehearsal's steps, and the clean-up whatever happens."""

from collections.abc import Callable
from contextlib import closing

from rehearsal.full_run.deployment import Deployment
from spark_job.contract.errors import FruitError


def rehearse(
    steps: Deployment, *, keep: bool, say: Callable[[str], None], then: Callable[[], None] = lambda: None
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


def _clean_up(steps: Deployment, say: Callable[[str], None]) -> None:
    """Take the stacks away after a failure; one on top of it is printed, and does not replace it."""
    if not steps.has_templates():
        return
    try:
        steps.take_down()
    except FruitError as error:
        say(f"the clean-up failed as well: {error}")
