"""What services of AWS say on EventBridge, said in the emulator."""

import json

from ministack.core.responses import request_scope
from ministack.services import eventbridge

from rehearsal.emr.events import Event


def put_emr_event(event: Event) -> None:
    """Put it on the default bus of its account and region; rules that match call their targets."""
    entry = {
        "Source": "aws.emr",
        "DetailType": event.detail_type,
        "Detail": json.dumps(dict(event.detail)),
        "Resources": [],
    }
    with request_scope(event.account, event.region):
        # A service's events come from `aws.`, which PutEvents of the API refuses.
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
