"""One step of a cluster: what it runs, in which state, and since when."""

from dataclasses import dataclass, field
from typing import Any

from rehearsal.emr.clock import CLOCK
from rehearsal.emr.compute import Program, RunningProgram
from rehearsal.emr.identifiers import new_id

ACTIVE = ("PENDING", "CANCEL_PENDING", "RUNNING")
STARTED = ("CANCEL_PENDING", "RUNNING")


@dataclass
class Step:
    """One step; times are epoch seconds, None until they come.

    Attributes:
        config: `StepConfig` as it stands in the request.
        on_failure: What becomes of the cluster when the step fails.
        running: Its program, once it has been started.
        force: Whether a cancellation kills it; None: it is not cancelled.
        failure: `FailureDetails`, once it has failed.
    """

    config: dict[str, Any]
    on_failure: str
    role_arn: str | None = None
    id: str = field(default_factory=lambda: new_id("s"))
    state: str = "PENDING"
    message: str = ""
    created: float = field(default_factory=CLOCK.now)
    started: float | None = None
    ended: float | None = None
    running: RunningProgram | None = None
    force: bool | None = None
    failure: dict[str, str] | None = None

    @property
    def name(self) -> str:
        """Its name in the request."""
        return str(self.config["Name"])

    @property
    def program(self) -> Program:
        """What the machine is to run."""
        jar = self.config["HadoopJarStep"]
        return Program(
            step_id=self.id,
            name=self.name,
            jar=jar["Jar"],
            arguments=tuple(jar.get("Args", ())),
            main_class=jar.get("MainClass"),
            properties={pair["Key"]: pair.get("Value", "") for pair in jar.get("Properties", [])},
        )
