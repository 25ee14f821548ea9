"""One step of a cluster: what it runs, in which state, and since when."""

from dataclasses import dataclass, field
from typing import Any

from rehearsal.emr.compute import Program, RunningProgram
from rehearsal.emr.identifiers import new_id
from rehearsal.emr.state.part import Part

STARTED = ("CANCEL_PENDING", "RUNNING")
ACTIVE = ("PENDING", *STARTED)


@dataclass(kw_only=True)
class Step(Part):
    """One step.

    Attributes:
        config: `StepConfig` as it stands in the request.
        running: Its program, once it has been started.
        force: Whether a cancellation kills it; None: it is not cancelled.
        failure: `FailureDetails`, once it has failed.
    """

    config: dict[str, Any]
    id: str = field(default_factory=lambda: new_id("s"))
    state: str = "PENDING"
    running: RunningProgram | None = None
    force: bool | None = None
    failure: dict[str, str] | None = None

    @property
    def name(self) -> str:
        """Its name in the request."""
        return str(self.config["Name"])

    @property
    def on_failure(self) -> str:
        """What becomes of the cluster when the step fails."""
        return str(self.config.get("ActionOnFailure", "TERMINATE_CLUSTER"))

    @property
    def program(self) -> Program:
        """What the machine is to run."""
        jar = self.config["HadoopJarStep"]
        return Program(
            step_id=self.id,
            jar=jar["Jar"],
            arguments=tuple(jar.get("Args", ())),
            main_class=jar.get("MainClass"),
            properties={pair["Key"]: pair.get("Value", "") for pair in jar.get("Properties", [])},
        )
