"""A rehearsal against the AWS of the environment: its steps, with CDK's own command line, and their order."""

import json
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3

from infra.config.deployment import DeploymentConfig
from infra.contract import outputs
from infra.contract.names import StackPart, stack_name
from operate.cdk import QUIET, cdk_program, cdk_words
from operate.commands.doctor import examine, text_of_check
from operate.commands.upload import upload_folder
from operate.connection import Connection
from operate.emr.clusters import describe_cluster, list_fleets, list_nodes
from operate.emr.steps import list_steps
from operate.removal import deployed_resources
from operate.runs.run_history import run_prefix
from operate.runs.watch import Watch
from operate.s3.objects import FolderCopy, download, list_objects
from rehearsal.asking import ask
from rehearsal.demo.photographs import write_archive
from rehearsal.emulator.permissions.record import Replay
from rehearsal.errors import RehearsalError
from rehearsal.full_run.probes import probe
from rehearsal.full_run.programs import Programs, write_submitter
from rehearsal.full_run.request import Request
from rehearsal.full_run.summary import Timeline, cluster_lines, rewritten_settings, run_lines
from rehearsal.permissions_report import PAGE, RECORD, Report
from rehearsal.settings import BOOTSTRAPPER, DATA_SCIENTIST, PERMISSIONS_PATH, REVIEWER, Settings
from rehearsal.what_is_real import what_is_real
from spark_job.contract.errors import FruitError

SUBMITTER_SECONDS = 4 * 3600
TRANSFERS_AT_ONCE = 16
STACKS_AT_ONCE = 3


class RehearsalSteps:
    """The steps of one rehearsal; one that fails raises a FruitError.

    Bootstrap, templates, artifacts and photographs need no stack: they are made side by side from the start.
    """

    def __init__(
        self, request: Request, config: DeploymentConfig, timeline: Timeline, settings: Settings
    ) -> None:
        self._request, self._config, self._timeline = request, config, timeline
        self._settings = settings
        self._programs = Programs(request.scratch)
        self._pool = ThreadPoolExecutor(4)
        self._bootstrap: Future[None] = self._pool.submit(self._bootstrap_cdk)
        self._templates: Future[None] = self._pool.submit(self._synthesise)
        self._artifacts: Future[None] = self._pool.submit(self._build_artifacts)
        self._photographs: Future[Path] = self._pool.submit(self._find_photographs)

    def examine_account(self) -> None:
        """Run the checks of `fruit doctor` after bootstrap and synthesis; print those that are not ok."""
        self._bootstrap.result()
        self._templates.result()
        with self._timeline.event("fruit doctor"):
            checks = list(examine(self._connection(), self._config))
            for check in checks:
                if check.state != "ok":
                    self._timeline.detail(" ".join(text_of_check(check).split()))
            if any(check.state == "failed" for check in checks):
                raise RehearsalError("the account is not ready: see above")

    def deploy_storage(self) -> None:
        with self._timeline.event("storage and monitoring are deployed"):
            self._deploy(["storage", "monitoring"])

    def upload_photographs(self) -> None:
        folder = self._photographs.result()
        with self._timeline.event("photographs are in S3"):
            upload_folder(self._connection(), folder, self._timeline.detail)

    def run_pipeline(self) -> None:
        """Deploy the pipeline when its artifacts are built, and print how its cluster and its step go.

        Raises RehearsalError, which begins with the driver's last lines, if it has any: the deploy failed.
        """
        self._artifacts.result()
        progress = Watch(self._connection(), self._timeline.detail)
        with self._timeline.event("pipeline is deployed, its run is complete"):
            try:
                self._deploy(["pipeline"], progress.look)
            except RehearsalError as error:
                raise RehearsalError("\n".join([*progress.failure_lines(), str(error)])) from error

    def report(self) -> None:
        """Fetch the results with the submitter's role; print the run, what is real and what was rewritten."""
        connection = self.as_submitter()
        deployment = connection.deployment
        s3, prefix = connection.client("s3"), run_prefix(deployment.run_id)
        folder = self._request.results / deployment.run_id
        copy = FolderCopy(s3, deployment.results_bucket, prefix, folder)
        with self._timeline.event(f"results are in {folder}"):
            download(copy, list(list_objects(s3, copy.bucket, prefix)), at_once=TRANSFERS_AT_ONCE)
        write_submitter(self._settings, connection)
        emr, cluster_id = connection.client("emr"), deployment.cluster_id
        roles = {fleet.id: fleet.kind for fleet in list_fleets(emr, cluster_id)}
        cluster = describe_cluster(emr, cluster_id)
        lines = cluster_lines(cluster, list_steps(emr, cluster_id), list_nodes(emr, cluster_id), roles)
        rewritten = ["rewritten for this machine", *rewritten_settings(connection), ""]
        for line in ["", *lines, *run_lines(folder), "", what_is_real(), *rewritten]:
            self._timeline.say(line)

    def probe(self) -> None:
        """Make the calls that the stacks' policies deny, as a reviewer who may read the buckets' policies."""
        keys = self._settings.keys_of(REVIEWER)
        reviewer = self._connection(boto3.Session(*keys))
        resources = deployed_resources(reviewer.client("cloudformation"), self._request.stage)
        with self._timeline.event("what policies deny was refused"):
            probe(reviewer, resources)
        ask(PERMISSIONS_PATH, {})  # it remembers what is asked for while it is there

    def report_permissions(self) -> None:
        """Print what was called and refused, and write the page of it beside the results.

        Raises RehearsalError: a call was refused that was no probe.
        """
        report = Report(Replay(ask(PERMISSIONS_PATH, {})))
        folder = self._request.results
        (folder / RECORD).write_text(json.dumps(report.replay.told), encoding="utf-8")
        (folder / PAGE).write_text(report.page(), encoding="utf-8")
        self._timeline.say(f"permissions  {report.line}: {folder / PAGE}")
        for fault in report.faults():
            self._timeline.say(f"  {fault}")
        if report.refused:
            raise RehearsalError("policies do not suffice: see above")

    def close(self) -> None:
        self._programs.end()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def has_templates(self) -> bool:
        return (self._request.assembly / "manifest.json").is_file()

    def take_down(self) -> list[str]:
        """Run `fruit destroy`, and return the lines about what stays with which it ends.

        Raises RehearsalError: it failed, or something is left that should not be.
        """
        request, name = self._request, "destroy"
        words = [name, "--yes", f"--assembly={request.assembly}", f"--stage={request.stage}"]
        words += [f"--context={field}={value}" for field, value in request.context.items()]
        with self._timeline.event("stacks are destroyed"):
            Programs(request.scratch).run([sys.executable, "-m", "fruit", *words], name)
        said = (request.scratch / f"{name}.log").read_text(encoding="utf-8")
        return said[said.rindex("\nstays") + 1 :].splitlines()

    def _bootstrap_cdk(self) -> None:
        account = self._connection().client("sts").get_caller_identity()["Account"]
        words = [*cdk_program(), "bootstrap", f"aws://{account}/{self._config.region}", *QUIET]
        environment = self._settings.client_environment(BOOTSTRAPPER)
        with self._timeline.event("cdk bootstrap"):
            # Away from cdk.json: bootstrap would synthesise the stacks first.
            folder = self._request.scratch
            self._programs.run(words, "cdk-bootstrap", folder=folder, environment=environment)

    def _synthesise(self) -> None:
        options = ["--quiet", f"--output={self._request.assembly}", *self._request.context_words, *QUIET]
        with self._timeline.event("cdk synth"):
            self._programs.run([*cdk_program(), "synth", *options], "cdk-synth")

    def _build_artifacts(self) -> None:
        words = [sys.executable, "-m", "infra.artifacts", "build", *self._request.context_words]
        with self._timeline.event("job, extractor and wheels are built"):
            self._programs.run(words, "build")

    def _find_photographs(self) -> Path:
        if self._request.images:
            return self._request.images
        folder = self._request.scratch / "fruit"
        with self._timeline.event("demo fruit is drawn"):
            write_archive(folder)
        return folder

    def _deploy(self, parts: list[StackPart], meanwhile: Callable[[], None] = lambda: None) -> None:
        """Deploy these stacks alone; those that are there already are left as they are."""
        stacks = [stack_name(self._request.stage, part) for part in parts]
        options = ["--exclusively", "--require-approval=never", f"--concurrency={STACKS_AT_ONCE}"]
        words = cdk_words("deploy", self._request.assembly, [*stacks, *options, "--progress=events"])
        self._programs.run(words, f"cdk-deploy-{'-'.join(parts)}", meanwhile=meanwhile)

    def _connection(self, session: Any = boto3) -> Connection:
        """Return a new connection: each looks a deployment up once, and the deployment grows."""
        return Connection(self._request.stage, self._config.region, session=session)

    def as_submitter(self) -> Connection:
        """Return the connection of a data scientist who has taken the submitter's role."""
        role = self._connection().deployment.of_pipeline(outputs.SUBMIT_ROLE_ARN)
        keys, seconds = self._settings.keys_of(DATA_SCIENTIST), SUBMITTER_SECONDS
        sts = boto3.Session(*keys, region_name=self._config.region).client("sts")
        answer = sts.assume_role(RoleArn=role, RoleSessionName=DATA_SCIENTIST, DurationSeconds=seconds)
        taken = answer["Credentials"]
        session = boto3.Session(taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"])
        return self._connection(session)


def rehearse(
    steps: RehearsalSteps,
    *,
    keep: bool,
    say: Callable[[str], None],
    then: Callable[[Connection], None] = lambda _: None,
) -> None:
    """Deploy, run, report, and take everything away unless it is to be kept.

    When the run is complete and all is up, `then` gets the connection of who may submit; what it raises is
    the rehearsal's failure. Raises FruitError: a step failed; the stacks have been taken away all the same.
    """
    try:
        with closing(steps):
            steps.examine_account()
            steps.deploy_storage()
            steps.upload_photographs()
            steps.run_pipeline()
        steps.report()
        steps.probe()
        then(steps.as_submitter())
    except FruitError:
        if steps.has_templates():
            try:
                steps.take_down()
            except FruitError as error:  # it does not replace the first failure
                say(f"the clean-up failed as well: {error}")
        raise
    if not keep:
        for line in steps.take_down():
            say(line)
    steps.report_permissions()
