"""A run that needs a new cluster: the deploy that makes one, so that all stays under CloudFormation."""

import subprocess
import sys

import click

from infra.checkout import ROOT
from operate.errors import OperateError
from operate.printing import say
from operate.submission.live_place import ClusterEndedError


def deploy_instead(ended: ClusterEndedError, *, yes: bool) -> None:
    """Ask, then run `make deploy`, which waits for its run; what it says goes to stderr.

    Raises:
        OperateError: not wanted, or the deploy or its run failed.
    """
    say(str(ended))
    if not yes and not click.confirm("Start it now?", err=True):
        raise OperateError("not submitted")
    # Results go to stdout, and the deploy's own words are none.
    done = subprocess.run([*ended.words, "YES=1"], cwd=ROOT, stdout=sys.stderr, check=False)
    if done.returncode:
        raise OperateError(f"the deploy failed with exit code {done.returncode}; it says why above")
