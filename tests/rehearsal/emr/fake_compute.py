"""A machine that starts nothing: programs end as their arguments say, demand is what a test sets."""

import threading
import time
from dataclasses import dataclass, field

from rehearsal.emr.compute import BootstrapAction, ClusterSpec, ComputeError, Demand, Node, Program


class FakeProgram:
    """`exit N` ends at once with N; `wait` runs until `release` or a cancellation."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.forced: bool | None = None
        self._ended = threading.Event()
        self._code = 0
        command, *rest = program.arguments or ("true",)
        if command == "exit":
            self._code = int(rest[0])
        if command != "wait":
            self._ended.set()

    def wait(self) -> int:
        self._ended.wait()
        return self._code

    def cancel(self, *, force: bool) -> None:
        self.forced = force
        self.release(code=143)

    def release(self, code: int = 0) -> None:
        self._code = code
        self._ended.set()

    @property
    def last_words(self) -> str:
        return f"last words of {' '.join(self.program.arguments)}"


@dataclass
class FakeCompute:
    """Scripts named `fails.sh` return 7; `missing.sh` cannot be fetched; `slow.sh` runs until the stop.

    `slow-on-core.sh` does so there alone, until a test lets it go on. All fail while `bootstrap_fails`.
    """

    spec: ClusterSpec
    calls: list[tuple[str, str]] = field(default_factory=list)
    programs: list[FakeProgram] = field(default_factory=list)
    pending_containers: int = 0
    pending_masters: int = 0
    containers: dict[str, int] = field(default_factory=dict)
    asked: list[float] = field(default_factory=list)
    silent: bool = False
    bootstrap_fails: bool = False
    dead: set[str] = field(default_factory=set)
    stopped: threading.Event = field(default_factory=threading.Event)
    core_may_go_on: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def _note(self, what: str, where: str) -> None:
        with self.lock:
            self.calls.append((what, where))

    def provision(self, node: Node) -> None:
        self._note("provision", node.instance_id)

    def bootstrap(self, node: Node, number: int, action: BootstrapAction) -> int:
        self._note(f"bootstrap {number} {' '.join((action.path, *action.arguments))}", node.instance_id)
        if action.path.endswith("missing.sh"):
            raise ComputeError(f"{action.path} is not there")
        if action.path.endswith("slow.sh"):
            self.stopped.wait()
            return 143
        if action.path.endswith("slow-on-core.sh") and node.role == "CORE":
            self.core_may_go_on.wait()
        return 7 if action.path.endswith("fails.sh") or self.bootstrap_fails else 0

    def start(self, primary: Node) -> None:
        if self.spec.log_uri == "s3://no-yarn-today/":
            raise ComputeError("the ResourceManager did not come up")
        self._note("start", primary.instance_id)

    def join(self, node: Node) -> None:
        self._note("join", node.instance_id)

    def leave(self, node: Node) -> None:
        self._note("leave", node.instance_id)

    def lose(self, node: Node) -> None:
        self._note("lose", node.instance_id)

    def is_alive(self, node: Node) -> bool:
        return node.instance_id not in self.dead

    def run(self, program: Program) -> FakeProgram:
        if program.jar.endswith("missing.jar"):
            raise ComputeError(f"{program.jar} cannot be run")
        running = FakeProgram(program)
        with self.lock:
            self.programs.append(running)
        return running

    def demand(self) -> Demand:
        self.asked.append(time.monotonic())
        if self.silent:
            raise TimeoutError("no answer")
        return Demand(self.pending_containers, dict(self.containers), self.pending_masters)

    def stop(self) -> None:
        self._note("stop", "")
        self.stopped.set()
        self.core_may_go_on.set()
        for program in self.programs:
            program.release(code=143)
