"""Each node's metadata service, version 2: it hands out credentials of the cluster's instance profile.

On EC2 every node finds it at one address of its own; here its URL names cluster and node, and begins with a
secret of this start. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
"""

import json
import os
import secrets
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from ministack.core.responses import request_scope

from rehearsal.emr.service import ElasticMapReduce
from rehearsal.emulator.door import Answer, read_body
from rehearsal.emulator.permissions.callers import SESSION_SECONDS, new_session
from rehearsal.emulator.permissions.enforcement import roles_of_profile

PREFIX = "/_metadata/"
CREDENTIALS = "meta-data/iam/security-credentials"
# Programs ask anew some minutes before the end.
RENEW_SECONDS = 900


def metadata_path() -> str:
    """Return the path below which CLUSTER/NODE has its service; only the server and its nodes know it."""
    return PREFIX + sha256(os.environ["AWS_SECRET_ACCESS_KEY"].encode()).hexdigest()[:32]


class Metadata:
    """Answers the requests of all nodes."""

    def __init__(self, service: ElasticMapReduce) -> None:
        self._service = service
        self._path = f"{metadata_path()}/"
        self._tokens: set[str] = set()
        self._sessions: dict[tuple[str, str], tuple[float, str]] = {}

    async def __call__(self, scope: Any, receive: Any) -> Answer | None:
        if not scope["path"].startswith(self._path):
            return None
        await read_body(receive)
        asked = scope["path"].removeprefix(self._path)
        status, text = self._answer(scope["method"], asked, dict(scope["headers"]))
        return status, b"text/plain", text.encode()

    def _answer(self, method: str, asked: str, headers: Mapping[bytes, bytes]) -> tuple[int, str]:
        """Return status and text for `CLUSTER/NODE/latest/…`; without a token of before, nothing is told."""
        cluster_id, node, _, what = f"{asked}///".split("/", 3)
        what = what.strip("/")
        if (method, what) == ("PUT", "api/token"):
            self._tokens.add(token := secrets.token_urlsafe(30))
            return 200, token
        if headers.get(b"x-aws-ec2-metadata-token", b"").decode() not in self._tokens:
            return 401, ""
        cluster = self._service.find_cluster(cluster_id)
        if cluster is None:
            return 404, ""
        with request_scope(cluster.account, cluster.region):
            for role in roles_of_profile(str(cluster.request.get("JobFlowRole", ""))):
                if what == CREDENTIALS:
                    return 200, role
                if what == f"{CREDENTIALS}/{role}":
                    made, session = self._sessions.get((cluster_id, node), (0.0, ""))
                    if time.time() - made > SESSION_SECONDS - RENEW_SECONDS:
                        session = json.dumps(new_session(role, node))
                        self._sessions[cluster_id, node] = (time.time(), session)
                    return 200, session
        return 404, ""
