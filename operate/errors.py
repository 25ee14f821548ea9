"""What can go wrong while operating, as errors of one line that say what to do next."""

from spark_job.contract.errors import FruitError


class OperateError(FruitError):
    """A command cannot do what it was asked; the message says what to do."""


class DeploymentNotFoundError(OperateError):
    """The stage has no stacks in this account and region."""

    def __init__(self, stage: str, region: str, stack: str) -> None:
        super().__init__(
            f"no deployment of {stage} in {region}: there is no finished stack {stack}; "
            f"`make deploy STAGE={stage}` makes it, --stage and --region look elsewhere"
        )


class PipelineNotFoundError(OperateError):
    """The stage's data is there, its pipeline is not: never deployed, destroyed, or rolled back."""

    def __init__(self, stage: str, output: str) -> None:
        super().__init__(
            f"the pipeline of {stage} is not deployed (no output {output}); "
            f"`make deploy STAGE={stage}` makes it"
        )
