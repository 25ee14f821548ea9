"""YARN's ResourceManager, asked over its REST interface."""

import getpass
import json
from dataclasses import dataclass
from typing import Any

import urllib3

from rehearsal.emr.compute import ComputeError
from rehearsal.settings import LOOPBACK

# Metrics of queues, also by node label; the REST interface counts only requests without one.
QUEUES = "Hadoop:service=ResourceManager,name=*QueueMetrics,*"
SECONDS = 10.0
HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}


@dataclass(frozen=True)
class ResourceManager:
    """A ResourceManager on the loopback interface.

    https://hadoop.apache.org/docs/r3.3.4/hadoop-yarn/hadoop-yarn-site/ResourceManagerRest.html, but for the
    names in its JSON: PySpark's jars hold another JSON provider, which names things as the Java classes do.
    """

    port: int

    def is_up(self) -> bool:
        """Return whether it answers and is active."""
        try:
            return bool(self._call("GET", "info").get("hastate") == "active")
        except ComputeError:
            return False

    def add_label(self, label: str) -> None:
        """Make a node label whose nodes take other requests as well when they idle."""
        self._call("POST", "add-node-labels", {"nodeLabelsInfo": [{"name": label, "exclusivity": False}]})

    def nodes(self) -> dict[int, dict[str, Any]]:
        """Return NodeManager's port to what YARN says of it: state, numContainers, nodeLabels and so on."""
        listed = self._call("GET", "nodes")["nodes"]
        return {int(node["nodeId"].rpartition(":")[2]): node for node in listed}

    def pending_containers(self) -> dict[str, int]:
        """Return how many containers wait for room, by the label that they ask for, empty without one."""
        beans = self._ask("GET", f"/jmx?qry={QUEUES}")["beans"]
        roots = [bean for bean in beans if bean["name"].endswith(",q0=root")]
        waiting = {bean["name"]: int(bean.get("PendingContainers", 0)) for bean in roots}
        by_label = {
            name.partition("partition=")[2].partition(",")[0]: count
            for name, count in waiting.items()
            if "partition=" in name
        }
        # `QueueMetrics` repeats what `partition=` says, but is alone where there are no labels.
        return by_label or {"": sum(waiting.values())}

    def kill_application(self, application_id: str) -> None:
        """End an application and its containers; nothing when it has ended."""
        self._call("PUT", f"apps/{application_id}/state", {"state": "KILLED"})

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        return self._ask(method, f"/ws/v1/cluster/{path}?user.name={getpass.getuser()}", body)

    def _ask(self, method: str, target: str, body: Any = None) -> dict[str, Any]:
        url = f"http://{LOOPBACK}:{self.port}{target}"
        try:
            answer = urllib3.request(method, url, json=body, headers=HEADERS, timeout=SECONDS, retries=False)
        except urllib3.exceptions.HTTPError as error:
            raise ComputeError(f"YARN's ResourceManager does not answer: {error}") from error
        text = answer.data.decode(errors="replace")
        if answer.status >= 300:
            raise ComputeError(f"YARN refused {method} {target}: {answer.status} {text[:500]}")
        return dict(json.loads(text)) if text.startswith("{") else {}
