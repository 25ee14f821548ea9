"""YARN's ResourceManager, asked over its REST interface."""

import getpass
import json
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any

from rehearsal.emr.compute import ComputeError

# Of an application that waits for its first container, metrics do not count that container by its label.
WAITING = ("SUBMITTED", "ACCEPTED")
SECONDS = 10.0


@dataclass(frozen=True)
class ResourceManager:
    """A ResourceManager on the loopback interface.

    https://hadoop.apache.org/docs/r3.3.4/hadoop-yarn/hadoop-yarn-site/ResourceManagerRest.html, but for the
    names in its JSON: PySpark's jars hold another JSON provider, which names things as the Java classes do.
    """

    port: int

    def is_up(self) -> bool:
        """Whether it answers and is active."""
        try:
            return bool(self._call("GET", "info").get("hastate") == "active")
        except ComputeError:
            return False

    def add_label(self, label: str) -> None:
        """Make a node label that other requests may use as well when its nodes idle."""
        self._call("POST", "add-node-labels", {"nodeLabelsInfo": [{"name": label, "exclusivity": False}]})

    def nodes(self) -> dict[int, dict[str, Any]]:
        """NodeManager's port to what YARN says of it: state, numContainers, nodeLabels, …"""
        listed = self._call("GET", "nodes")["nodes"]
        return {int(each["nodeId"].rpartition(":")[2]): each for each in listed}

    def pending_containers(self) -> int:
        """Containers that wait for room, those of applications that have none yet included."""
        metrics = self._call("GET", "metrics")
        waiting = len(self.application_ids(WAITING))
        return max(int(metrics["pendingContainers"]), waiting)

    def application_ids(self, states: tuple[str, ...]) -> list[str]:
        """Applications in one of the states."""
        listed = self._call("GET", f"apps?states={','.join(states)}")["apps"]
        return [each["appId"] for each in listed]

    def kill_application(self, application_id: str) -> None:
        """End an application and its containers; nothing when it has ended."""
        self._call("PUT", f"apps/{application_id}/state", {"state": "KILLED"})

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        joint = "&" if "?" in path else "?"
        target = f"/ws/v1/cluster/{path}{joint}user.name={getpass.getuser()}"
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        try:
            connection.request(method, target, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, HTTPException) as error:
            raise ComputeError(f"YARN's ResourceManager does not answer: {error}") from error
        finally:
            connection.close()
        if answer.status >= 300:
            raise ComputeError(
                f"YARN's ResourceManager refused {method} {path}: {answer.status} {text[:500]}"
            )
        return dict(json.loads(text)) if text.startswith("{") else {}
