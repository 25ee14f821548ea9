"""`train`."""

from typing import Any

import click

from spark_job.analyses.summary import Summary
from spark_job.commands.analysis_command import analysis_command, open_spark, say

SETTINGS = ("regularization", "max_iterations")


@analysis_command("train")
@click.option("--features", required=True, metavar="RUN", help="RESULTS/RUN_ID of the run to train on.")
@click.option("--test-features", metavar="RUN", help="Run to test on, made with the same extractor.")
@click.option(
    "--on",
    type=click.Choice(["features", "components", "both"]),
    default="features",
    show_default=True,
    help="What to train on; `both` shows how much accuracy the reduction costs.",
)
@click.option(
    "--held-out",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.2,
    show_default=True,
    help="Share of each class to test on, without --test-features and without Training and Test folders.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides which images are held out.")
@click.option(
    "--regularization",
    type=click.FloatRange(0, min_open=True),
    default=1e-3,
    show_default=True,
    help="L2 penalty on the coefficients of the standardised columns.",
)
@click.option(
    "--max-iterations", type=click.IntRange(1), default=100, show_default=True, help="Most steps of L-BFGS."
)
@click.option("--verbose", is_flag=True, help="Print the loss after each iteration.")
def train_command(verbose: bool, **options: Any) -> Summary:
    """Train a classifier on the features of a run: a softmax head on a frozen network.

    \b
    Example:
      fruit train --features results/RUN_ID --results results --on both
    """
    from spark_job.analyses.training.analysis import TrainingOptions, train
    from spark_job.analyses.training.softmax_regression import Settings

    settings = Settings(**{name: options.pop(name) for name in SETTINGS})
    trace = say if verbose else None
    return train(TrainingOptions(settings=settings, **options), open_spark, say, trace)
