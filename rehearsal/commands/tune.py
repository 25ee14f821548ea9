"""`fruit rehearse tune`: what `make tune` starts, `fruit tune` on a rehearsal's YARN."""

from pathlib import Path

import click

from operate.commands.tune import ReportWriter, TuningRequest, measuring_options, tune
from operate.connection import Connection, plain_aws_errors
from rehearsal.commands.run import SCRATCH, WARM, deployment_options, rehearse_on_this_machine
from rehearsal.demo.photographs import VIEWS, write_archive
from rehearsal.full_run.request import Request, checked_configuration

# Enough photographs that starting the workers does not hide the work.
TIMES_THE_DEMO = 4
CONFIGURATION = "tuned-here.json"


def make_tune_command(write_report: ReportWriter) -> click.Command:
    """Return the command; what writes its report is the job's."""

    @click.command("tune")
    @deployment_options
    @measuring_options(numbers="1,2", sample=2_000)
    def tune_command(
        stage: str,
        context: dict[str, str],
        images: Path | None,
        results: Path,
        executors: tuple[int, ...],
        cores: tuple[int, ...],
        sample: int,
    ) -> None:
        """Run the job with each number of executors and cores on this machine's YARN, and recommend one.

        The recommendation holds for this machine; it is written beside the report, not into cdk.json.

        \b
        Example:
          fruit rehearse tune -c model=efficientnet_lite0 --executors=1,2 --cores=1
        """
        folder = images or SCRATCH / "fruit"
        fields = {**WARM, **context}
        request = Request(stage, fields, folder.resolve(), results.resolve(), False, SCRATCH)
        config = checked_configuration(request)
        if images is None:
            write_archive(folder, views=TIMES_THE_DEMO * VIEWS)
        tuning = TuningRequest(
            executors=executors,
            cores=cores,
            sample=sample,
            results=request.results,
            configuration=request.results / CONFIGURATION,
            context=context,
            yes=True,
        )

        def measure(connection: Connection) -> None:
            with plain_aws_errors():
                tune(connection, tuning, write_report)

        rehearse_on_this_machine(request, config, measure)

    return tune_command
