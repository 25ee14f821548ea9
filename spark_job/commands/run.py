"""`run`, with the options of the table in `spark_job.contract.run_options`."""

import sys
from datetime import UTC, datetime
from typing import Any

import click

from spark_job.commands.analyses import say
from spark_job.contract.errors import MisuseError, StoppedError
from spark_job.contract.foreign_texts import terminal_text
from spark_job.contract.run_options import RunOptions
from spark_job.contract.uris import is_s3, read_unsigned, root_and_key
from spark_job.images.border import lacking
from spark_job.python_daemon import make_ready
from spark_job.session import begin_session

HELP = """Turn images into features, a PCA and a report, in RESULTS/RUN_ID/.

\b
Example:
  fruit run --images photos --results results --extractor extractors/efficientnet_lite0
"""


def make_run_command(table: type[RunOptions]) -> click.Command:
    """Return the command whose options are those of the table."""

    def run(**values: Any) -> None:
        options = table.from_values(
            {**values, "run_id": values["run_id"] or datetime.now(UTC).strftime("%Y%m%d-%H%M%S")}
        )
        if options.resume and not values["run_id"]:
            from spark_job.pipeline.run_folder import newest_unfinished
            from spark_job.storage import Folder

            begun = newest_unfinished(Folder(options.results)) or "ID"
            raise MisuseError(f"--resume goes on with the run that --run-id names: add --run-id {begun}")
        print(f"run {options.run_id}", file=sys.stderr)
        if lack := lacking():
            print(f"note: {lack}; see docs/security.md", file=sys.stderr)
        if options.unsigned:
            read_unsigned(options.images)
        for uri in (*options.images, options.results, options.extractor):
            if is_s3(uri):  # looks for credentials before Java starts: a run without any then ends at once
                from spark_job.storage import open_store

                open_store(root_and_key(uri)[0])
        session = begin_session("spark_job", in_each_worker=make_ready)
        from spark_job.pipeline.run import run_pipeline, summary  # its libraries import while Java starts

        try:
            run_pipeline(options, session=session, say=say)
        except KeyboardInterrupt:
            raise StoppedError(f"stopped; go on with --resume and --run-id {options.run_id}") from None
        print(terminal_text(summary(options)))

    for option in reversed(table.table()):
        run = click.option(option.declaration, **option.click_settings())(run)
    return click.command("run", help=HELP)(run)


run_command = make_run_command(RunOptions)
