"""`run`, with the options of the table in `spark_job.contract.run_options`."""

import sys
from datetime import UTC, datetime
from typing import Any

import click

from spark_job.contract.errors import StoppedError
from spark_job.contract.run_options import RunOptions
from spark_job.python_daemon import make_ready
from spark_job.session import begin_session

HELP = """Turn images into features, a PCA and a report, in RESULTS/RUN_ID/.

\b
Example:
  fruit run --images photos --results results --extractor extractors/mobilenet_v2
"""


def make_run_command(table: type[RunOptions]) -> click.Command:
    """Return the command whose options are those of the table."""

    def run(**values: Any) -> None:
        options = table.from_values(
            {**values, "run_id": values["run_id"] or datetime.now(UTC).strftime("%Y%m%d-%H%M%S")}
        )
        print(f"run {options.run_id}", file=sys.stderr)
        session = begin_session("spark_job", in_each_worker=make_ready)
        from spark_job.pipeline.run import run_pipeline  # its libraries import while Java starts
        from spark_job.pipeline.summary import summary

        try:
            run_pipeline(options, session=session, say=lambda line: print(line, file=sys.stderr, flush=True))
        except KeyboardInterrupt:
            raise StoppedError(f"stopped; go on with --resume and --run-id {options.run_id}") from None
        print(summary(options))

    for option in reversed(table.table()):
        run = click.option(option.declaration, **option.click_settings())(run)
    return click.command("run", help=HELP)(run)


run_command = make_run_command(RunOptions)
