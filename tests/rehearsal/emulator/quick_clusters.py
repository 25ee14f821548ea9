"""The rehearsal's EMR on a machine that runs nothing: programs end at once, as their arguments say."""

from dataclasses import dataclass, field

from rehearsal.emr.compute import BootstrapAction, ClusterSpec, Demand, Node, Program
from rehearsal.emr.service import ElasticMapReduce
from rehearsal.emr.timings import Timings
from rehearsal.emulator.services.emr import EmulatedAccount, put_event
from rehearsal.settings import Settings

QUICK = Timings(tick=0.05, settle=0.2, stop=5.0, yarn_clusters=8)


@dataclass
class Ended:
    code: int
    last_words: str = "the program's last words"

    def wait(self) -> int:
        return self.code

    def cancel(self, *, force: bool) -> None:
        pass


@dataclass
class Machine:
    """A step whose arguments hold `fail` fails; so does a bootstrap action."""

    spec: ClusterSpec
    nodes: list[Node] = field(default_factory=list)

    def provision(self, node: Node) -> None:
        self.nodes.append(node)

    def bootstrap(self, node: Node, number: int, action: BootstrapAction) -> int:
        return int("fail" in action.arguments)

    def start(self, primary: Node) -> None:
        pass

    def join(self, node: Node) -> None:
        pass

    def leave(self, node: Node) -> None:
        pass

    def lose(self, node: Node) -> None:
        pass

    def is_alive(self, node: Node) -> bool:
        return True

    def run(self, program: Program) -> Ended:
        return Ended(int("fail" in program.arguments))

    def demand(self) -> Demand:
        return Demand(0, {})

    def stop(self) -> None:
        pass


def make(settings: Settings) -> ElasticMapReduce:
    """For `Server(emr=…)`."""
    return ElasticMapReduce(Machine, put_event, QUICK, EmulatedAccount())
