"""One step of a cluster: what it runs, in which state, and since when."""

import time
from dataclasses import dataclass, field
from typing import Any

from rehearsal.emr.compute import Program, RunningProgram
from rehearsal.emr.identifiers import new_id

ACTIVE = ("PENDING", "CANCEL_PENDING", "RUNNING")
STARTED = ("CANCEL_PENDING", "RUNNING")


@dataclass
class Step:
    """Times are epoch seconds, None until they come.

    Attributes:
        config: `StepConfig` as it stands in the request.
        on_failure: What becomes of the cluster when it fails.
        program: What runs, once it does.
        force: How hard a cancellation ends it; None: not cancelled.
        failure: `FailureDetails`, once it has failed.
    """

    config: dict[str, Any]
    on_failure: str
    role_arn: str | None = None
    id: str = field(default_factory=lambda: new_id("s"))
    state: str = "PENDING"
    message: str = ""
    created: float = field(default_factory=time.time)
    started: float | None = None
    ended: float | None = None
    program: RunningProgram | None = None
    force: bool | None = None
    failure: dict[str, str] | None = None

    @property
    def name(self) -> str:
        """As the request names it."""
        return str(self.config["Name"])

    @property
    def to_run(self) -> Program:
        """What the machine runs."""
        jar = self.config["HadoopJarStep"]
        return Program(
            step_id=self.id,
            name=self.name,
            jar=jar["Jar"],
            arguments=tuple(jar.get("Args", ())),
            main_class=jar.get("MainClass"),
            properties=self._properties(),
        )

    def describe(self) -> dict[str, Any]:
        """As DescribeStep and ListSteps show it."""
        jar = self.config["HadoopJarStep"]
        monitoring = self.config.get("StepMonitoringConfiguration", {}).get("S3MonitoringConfiguration", {})
        return {
            "Id": self.id,
            "Name": self.name,
            "Config": {
                "Jar": jar["Jar"],
                "Properties": self._properties(),
                "MainClass": jar.get("MainClass"),
                "Args": jar.get("Args", []),
            },
            "ActionOnFailure": self.on_failure,
            "Status": self._status(),
            "ExecutionRoleArn": self.role_arn,
            "LogUri": monitoring.get("LogUri"),
            "EncryptionKeyArn": monitoring.get("EncryptionKeyArn"),
        }

    def describe_detail(self) -> dict[str, Any]:
        """As DescribeJobFlows shows it."""
        state = "RUNNING" if self.state == "CANCEL_PENDING" else self.state
        return {
            "StepConfig": {**self.config, "ActionOnFailure": self.on_failure},
            "ExecutionStatusDetail": {
                "State": state,
                "CreationDateTime": self.created,
                "StartDateTime": self.started,
                "EndDateTime": self.ended,
                "LastStateChangeReason": self.message or None,
            },
        }

    def _properties(self) -> dict[str, str]:
        pairs = self.config["HadoopJarStep"].get("Properties", [])
        return {pair["Key"]: pair.get("Value", "") for pair in pairs}

    def _status(self) -> dict[str, Any]:
        times = {
            "CreationDateTime": self.created,
            "StartDateTime": self.started,
            "EndDateTime": self.ended,
        }
        return {
            "State": self.state,
            "StateChangeReason": {"Message": self.message} if self.message else {},
            "FailureDetails": self.failure,
            "Timeline": times,
        }
