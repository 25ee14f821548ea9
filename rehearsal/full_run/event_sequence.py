"""The order of events of a rehearsal, from an empty AWS to an empty AWS."""

import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from infra.config.deployment import DeploymentConfig
from operate.commands.doctor import examine, told
from operate.connection import Connection
from operate.s3.image_store import Target, upload
from operate.s3.photographs import photographs
from rehearsal.demo.archive import write_archive
from rehearsal.errors import RehearsalError
from rehearsal.full_run import cdk_commands as cloud
from rehearsal.full_run.child_programs import Children
from rehearsal.full_run.deploy_progress import Follower
from rehearsal.full_run.request import Request
from rehearsal.full_run.timeline import Timeline

UPLOADS_AT_ONCE = 16


class Preparation:
    """What needs no stack: bootstrap, templates, artifacts and photographs, made side by side."""

    def __init__(
        self, children: Children, request: Request, config: DeploymentConfig, timeline: Timeline
    ) -> None:
        self._children, self._request = children, request
        self._config, self._timeline = config, timeline
        self._pool = ThreadPoolExecutor(4)
        self._bootstrap = self._pool.submit(self._bootstrapped)
        self._templates = self._pool.submit(self._synthesised)
        self._artifacts = self._pool.submit(self._built)
        self._photographs = self._pool.submit(self._drawn)

    def deployable(self) -> None:
        """Wait until stacks can be deployed. Raises what went wrong."""
        self._wait(self._bootstrap, self._templates)

    def artifacts(self) -> None:
        """Wait until what the cluster fetches is built. Raises what went wrong."""
        self._wait(self._artifacts)

    def images(self) -> Path:
        """The folder of photographs."""
        return self._photographs.result()

    def close(self) -> None:
        """End what still runs, and wait for it."""
        self._children.end()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _wait(self, *futures: Future[None]) -> None:
        for future in futures:
            future.result()

    def _bootstrapped(self) -> None:
        connection = Connection(self._request.stage, self._config.region)
        account = connection.client("sts").get_caller_identity()["Account"]
        with self._timeline.event("cdk bootstrap"):
            cloud.bootstrap(self._children, account, self._config.region)

    def _synthesised(self) -> None:
        with self._timeline.event("cdk synth"):
            cloud.synthesise(self._children, self._request)

    def _built(self) -> None:
        words = [sys.executable, "-m", "infra.artifacts", "build", *self._request.context]
        with self._timeline.event("job, extractor and wheels are built"):
            self._children.run(words, "build")

    def _drawn(self) -> Path:
        if self._request.images:
            return self._request.images
        folder = self._request.scratch / "fruit"
        with self._timeline.event("demo fruit is drawn"):
            write_archive(folder)
        return folder


def examine_account(config: DeploymentConfig, timeline: Timeline) -> None:
    """`operate doctor`; tells what is not ok.

    Raises:
        RehearsalError: a check says that a deploy would fail.
    """
    with timeline.event("operate doctor"):
        checks = list(examine(Connection(config.stage, config.region), config))
        for check in checks:
            if check.state != "ok":
                timeline.detail(" ".join(told(check).split()))
        if any(check.state == "failed" for check in checks):
            raise RehearsalError("the account is not ready: see above")


def upload_photographs(connection: Connection, folder: Path, timeline: Timeline) -> None:
    """Every photograph of the folder into the first image source."""
    found = photographs(folder, all_files=False)
    if not found:
        raise RehearsalError(f"{folder} has no photographs: give another folder with IMAGES=DIR")
    target = Target(connection.client("s3"), connection.deployment.images_bucket(None), "")
    with timeline.event(f"{len(found):,} photographs are in {target.uri}"):
        upload(target, found, at_once=UPLOADS_AT_ONCE)


def run_pipeline(children: Children, request: Request, connection: Connection, timeline: Timeline) -> None:
    """Deploy the pipeline, which starts the cluster and waits for its step; tells how it goes.

    Raises:
        RehearsalError: the deploy failed; the message begins with the driver's last lines, if it has any.
    """
    follower = Follower(connection, timeline.detail)
    with timeline.event("pipeline is deployed, its run is complete"):
        try:
            cloud.deploy(children, request, "pipeline", meanwhile=follower.look)
        except RehearsalError as error:
            raise RehearsalError("\n".join([*follower.why_it_failed(), str(error)])) from error
