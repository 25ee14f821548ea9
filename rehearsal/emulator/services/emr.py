"""Amazon EMR in the place of MiniStack's own, which runs nothing: its API, and its events on EventBridge."""

import json
from typing import Any

from ministack import app
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import eventbridge

from rehearsal.emr.events import Event
from rehearsal.emr.service import ElasticMapReduce
from rehearsal.emulator.services.json_protocol import json_service


def install(service: ElasticMapReduce) -> None:
    """Let the service answer."""

    def answer(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        return service.handle(operation, request, account=get_account_id(), region=get_region())

    app.SERVICE_HANDLERS["elasticmapreduce"] = json_service(answer)


def put_event(event: Event) -> None:
    """Put an event on the default bus of its account and region; rules that match call their targets."""
    entry = {
        "Source": "aws.emr",
        "DetailType": event.detail_type,
        "Detail": json.dumps(dict(event.detail)),
        "Resources": [],
    }
    with request_scope(event.account, event.region):
        # A service's events come from `aws.`, which PutEvents of the API refuses.
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
