"""The server's process: MiniStack with what the rehearsal adds, until it is told to stop.

`python -m rehearsal.emulator.gateway HOME MODULE:FUNCTION`, in the environment that `server_environment`
makes; FUNCTION makes the EMR from the settings. It stops on SIGTERM, on Ctrl-C, and when its standard input
ends, which it does when the program that started it is gone, however it went.
"""

import asyncio
import json
import logging
import os
import resource
import signal
import sys
import threading
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app
from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from rehearsal.emr.errors import EmrError
from rehearsal.emr.service import ElasticMapReduce
from rehearsal.emulator.door import Answer, Front, behind, door, read_body
from rehearsal.emulator.lifecycle import Lifecycle
from rehearsal.emulator.permissions import callers, services
from rehearsal.emulator.permissions.enforcement import Guard
from rehearsal.emulator.permissions.metadata import Metadata
from rehearsal.emulator.resource_types import resource_type
from rehearsal.emulator.resource_types.catalogue import resource_types
from rehearsal.emulator.services import completions, emr, json_services
from rehearsal.settings import CONDITIONS_PATH, INTERRUPT_PATH, LOOPBACK, PEOPLE, PERMISSIONS_PATH, Settings
from spark_job.contract.errors import MisuseError

KEEP_ALIVE_SECONDS = 75.0
# SDKs keep connections open; nobody waits for them at the end.
SHUTDOWN_SECONDS = 1.0
CONTROLS = (INTERRUPT_PATH, CONDITIONS_PATH, PERMISSIONS_PATH)


def main() -> None:
    """Serve until the process is told to stop."""
    settings = Settings(
        Path(sys.argv[1]),
        int(os.environ["GATEWAY_PORT"]),
        os.environ["AWS_REGION"],
        checks_permissions=os.environ["AUTH"] == "true",
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard) if soft < hard else (soft, hard))
    service: ElasticMapReduce = resolve_name(sys.argv[2])(settings)
    guard = Guard(os.environ["AWS_ACCESS_KEY_ID"], service.tags)
    resource_type.install(resource_types(service.conditions))
    completions.install()
    emr.install(service, guard)
    json_services.install_service_quotas(service.conditions)
    if settings.checks_permissions:
        guard.install()
        services.install(guard)
        for person in PEOPLE:
            policies = {person: callers.policy_of(person, settings.region)}
            callers.add_user(person, settings.keys_of(person), policies)
    else:
        # MiniStack gives functions the account's number as their key.
        credentials = {
            "AWS_ACCESS_KEY_ID": settings.keys.access_key_id,
            "AWS_SECRET_ACCESS_KEY": settings.keys.secret_access_key,
            "AWS_SESSION_TOKEN": "",
        }
        for module in (lambda_runtime, lambda_svc):
            module.execution_credentials = lambda _config: dict(credentials)
    with asyncio.Runner() as runner:
        runner.run(_serve(settings, service, guard))
        logging.shutdown()
        # Not by the usual way: it would wait for threads that wait for functions that never answer.
        os._exit(0)


async def _serve(settings: Settings, service: ElasticMapReduce, guard: Guard) -> None:
    config = Config()
    config.bind = [f"{LOOPBACK}:{settings.port}"]
    config.keep_alive_timeout, config.graceful_timeout = KEEP_ALIVE_SECONDS, SHUTDOWN_SECONDS
    config.shutdown_timeout, config.accesslog, config.loglevel = SHUTDOWN_SECONDS, None, "WARNING"
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)

    def watch() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=watch, daemon=True, name="end-of-parent").start()

    async def until_the_end() -> None:
        # hypercorn asks for this when it listens.
        settings.ready_file.write_text(settings.endpoint + "\n")
        await ended.wait()
        # While AWS still answers: clusters put their logs into S3.
        await asyncio.to_thread(service.stop)

    fronts = (Metadata(service), door(settings, guard), control(service, guard, Lifecycle()))
    await serve(behind(fronts, app), config, shutdown_trigger=until_the_end)


def control(service: ElasticMapReduce, guard: Guard, lifecycle: Lifecycle) -> Front:
    """Return what answers the rehearsal's own requests; a refusal is status 409, `{"message": …}`.

    `POST /_rehearsal/interrupt` with `{"cluster": "j-…"}` or `{}` answers `{"instance": "i-…"}`, or refuses
    when there is no task node to take.

    `POST /_rehearsal/conditions` with `{"event_copies": 2}` or `{}` sets some of `Conditions` and answers
    all. When `days_ahead` grows, the lifecycle rules of the buckets are carried out before it answers.

    `POST /_rehearsal/permissions` with `{}` answers the calls so far, and the statements of all policies that
    are or were there when it was asked.
    """

    def told(path: str, asked: dict[str, Any]) -> dict[str, Any]:
        if path == INTERRUPT_PATH:
            return {"instance": service.interrupt(asked.get("cluster"))}
        before = service.conditions.days_ahead
        changed = service.conditions.change(asked)
        if changed["days_ahead"] > before:
            lifecycle.move(before, changed["days_ahead"])
        return changed

    async def answer(scope: Any, receive: Any) -> Answer | None:
        if scope["path"] not in CONTROLS:
            return None
        asked = json.loads(await read_body(receive) or b"{}")
        if scope["path"] == PERMISSIONS_PATH:  # here: MiniStack changes its policies in this thread
            return 200, b"application/json", json.dumps(guard.told()).encode()
        try:
            status, value = 200, await asyncio.to_thread(told, scope["path"], asked)
        except (EmrError, MisuseError) as error:
            status, value = 409, {"message": str(error)}
        return status, b"application/json", json.dumps(value).encode()

    return answer


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s [%(name)s] %(message)s")
    main()
