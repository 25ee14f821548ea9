"""`train`."""

import sys
from typing import Any

import click

SETTINGS = ("regularization", "max_iterations")


@click.command("train")
@click.option("--features", required=True, metavar="RUN", help="RESULTS/RUN_ID of a run whose images train.")
@click.option("--results", required=True, metavar="URI", help="Where RUN_ID/ is made.")
@click.option("--test-features", metavar="RUN", help="A run whose images test, of the same extractor.")
@click.option(
    "--on",
    type=click.Choice(["features", "components", "both"]),
    default="features",
    show_default=True,
    help="What to train on; `both` says how much accuracy the reduction costs.",
)
@click.option(
    "--held-out",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.2,
    show_default=True,
    help="Share of each class that tests, when there is no --test-features and no Training and Test folder.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides which images are held out.")
@click.option(
    "--regularization",
    type=click.FloatRange(0, min_open=True),
    default=1e-3,
    show_default=True,
    help="L2 penalty on the coefficients of the standardised columns.",
)
@click.option("--max-iterations", type=click.IntRange(1), default=100, show_default=True, help="Of L-BFGS.")
@click.option("--run-id", metavar="ID", help="Name of the run's folder.  [default: train, date and time]")
def train_command(**options: Any) -> None:
    """Train a classifier on the features of a run: a softmax head on a frozen network.

    \b
    Example:
      python -m spark_job train --features results/RUN_ID --results results --on both
    """
    from spark_job.analyses.training.analysis import TrainingOptions, train
    from spark_job.analyses.training.softmax_regression import Settings
    from spark_job.session import open_session
    from spark_job.spark_errors import named_by_cause

    settings = Settings(**{name: options.pop(name) for name in SETTINGS})
    checked = TrainingOptions(settings=settings, **options)
    with named_by_cause("training"):
        manifest = train(
            checked,
            lambda: open_session("spark_job train").sparkContext,
            say=lambda line: print(line, file=sys.stderr),
        )
    print(f"{checked.results.rstrip('/')}/{manifest['run_id']}/report/index.html")
