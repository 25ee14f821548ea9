"""The rehearsal's EMR on a machine that runs nothing: programs end at once, as their arguments say."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from ministack.core.responses import request_scope
from ministack.services import iam

from rehearsal.emr.compute import BootstrapAction, ClusterSpec, Demand, Node, Program
from rehearsal.emr.conditions import Timings
from rehearsal.emr.service import ElasticMapReduce
from rehearsal.emulator.permissions.callers import add_user
from rehearsal.emulator.services.emr import EmulatedAccount, put_event
from rehearsal.settings import ACCOUNT, Keys, Settings
from tests.rehearsal.emulator import busy_s3

ALLOW_ALL = json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
# Of `aws emr create-default-roles`, and of stacks that have nothing but a cluster.
EMR_ROLES = ("EMR_DefaultRole", "s")
TRUST_EMR = {
    "Statement": {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "elasticmapreduce.amazonaws.com"},
    }
}
QUICK = Timings(tick=0.05, stop=5.0, yarn_clusters=8)


def tester_file(settings: Settings) -> Path:
    """Where the tester's keys are."""
    return settings.home / "tester"


def add_tester(settings: Settings) -> None:
    """Give the account the tester, and roles for clusters that belong to no deployment."""
    keys = Keys.new()
    add_user("tester", keys, {"everything": ALLOW_ALL})
    tester_file(settings).write_text("\n".join(keys))
    with request_scope(ACCOUNT, settings.region):
        for name in EMR_ROLES:
            iam._create_role({"RoleName": name, "AssumeRolePolicyDocument": json.dumps(TRUST_EMR)})
            iam._roles[name]["InlinePolicies"] = {"everything": ALLOW_ALL}


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
    """For `Server(emr=…)`; the account has one who may do everything, as tests look at everything."""
    add_tester(settings)
    busy_s3.install()
    return ElasticMapReduce(Machine, put_event, QUICK, EmulatedAccount())
