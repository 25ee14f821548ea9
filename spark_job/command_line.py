"""The command line: the only place that prints errors and exits."""

import sys

import click

from spark_job import __version__
from spark_job.commands.build_extractor import build_extractor_command
from spark_job.commands.check import check_command
from spark_job.commands.compare import compare_command
from spark_job.commands.convergence import convergence_command
from spark_job.commands.export_keras import export_keras_command
from spark_job.commands.group import group_command
from spark_job.commands.predict import predict_command
from spark_job.commands.run import run_command
from spark_job.commands.time_serial import time_serial_command
from spark_job.commands.train import train_command
from spark_job.commands.tune_report import tune_report_command
from spark_job.errors import JobError


@click.group(context_settings={"max_content_width": 110, "help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Photographs become feature vectors, principal components and a report.

    \b
    Example, without any download:
      python -m spark_job build-extractor efficientnet_lite0 --out extractors/lite0
      python -m spark_job run --images photos --results results --extractor extractors/lite0
    """


COMMANDS = (
    build_extractor_command,
    check_command,
    compare_command,
    convergence_command,
    export_keras_command,
    group_command,
    predict_command,
    run_command,
    time_serial_command,
    train_command,
    tune_report_command,
)
for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Run the command; exit 0, 1 (failure) or 2 (misuse) with one line that says what to do."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        _fail(" ".join(error.format_message().split()), error.exit_code)
    except click.Abort:
        _fail("stopped; go on with --resume and the same --run-id", 130)
    except JobError as error:
        _fail(str(error), error.exit_code)


def _fail(message: str, exit_code: int) -> None:
    print(f"Error: {message}", file=sys.stderr)
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
