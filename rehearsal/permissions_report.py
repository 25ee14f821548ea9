"""The page of a security review: who may do what, on what, under which condition; the call that needs it."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from infra.contract.names import PROJECT
from rehearsal.emulator.permissions.evaluation import ALLOWED, Statement
from rehearsal.emulator.permissions.replay import Call, Replay

PAGE, RECORD = "permissions.md", "permissions.json"
# Statements that no rehearsal can use, by `OWNER / POLICY / NAME`, and why each is there all the same.
NEVER: Mapping[str, str] = {
    "*accesslogs* / *s3:PutObject": "S3 itself writes access logs; the emulated one writes none",
    "*NotificationsTopic* / PublishBudgets": "Budgets tells the topic; nothing costs anything here",
    "*NotificationsTopic* / PublishCloudwatch": "CloudWatch tells the topic; no alarm goes off here",
    "arn:aws:kms:* / 2 kms:Decrypt": "Budgets and CloudWatch encrypt what they tell the topic",
    "role *-nodes-* / SessionManager": "the agent of Session Manager; the emulated nodes have none",
    "role *-nodes-* / ListLogs": "EMR's own programs look for their logs, as AWS's example policy allows",
    "role *-nodes-* / ReadJobs": "a job that a person brings with `fruit submit --job-code`",
    "role *NetworkFlowLogRole* / *": "EC2 writes flow logs; no packet passes here",
    "role *CostLimitRole* / *": "it is called once a minute; a run here may end before",
    "role *ServiceRole* / MakeSpotRole": "the first Spot node of an account; here that was before",
    "role *SubmitterRole* / OpenTunnel": "Session Manager, which is not emulated",
    "role *SubmitterRole* / ForwardPorts": "Session Manager, which is not emulated",
    "role *SubmitterRole* / CloseTunnel": "Session Manager, which is not emulated",
    "user bootstrapper / * / MakeToolkitsResources": "CloudFormation makes them in the person's name: played",
}
IN_TESTS = "tests/rehearsal/emulator/test_deploy.py"
ALONE = f"a run on a cluster of its own: {IN_TESTS}"
# And those that `make run` does not use, though the tests do.
NOT_IN_A_RUN: Mapping[str, str] = {
    "role *LauncherStarter*": ALONE,
    "role *RunEndedRole* / ReadSteps": "a run that failed, or a cluster that ends; not in each run",
    "role *SubmitterRole* / ImagesList": "`fruit submit` and `upload`: tests/end_to_end",
    "role *SubmitterRole* / ImagesRead": f"`fruit upload` again in prod: {IN_TESTS}",
    "role *SubmitterRole* / ImagesUploads": f"`fruit upload` of large files: {IN_TESTS}",
    "role *SubmitterRole* / ImagesWrite": "`fruit upload`: tests/end_to_end",
    "role *SubmitterRole* / ListClusters": "`fruit status` and `submit`: tests/end_to_end",
    "role *SubmitterRole* / *Erasures": "`fruit submit` and `upload`: tests/end_to_end",
    "role *SubmitterRole* / ListJobs": f"`fruit submit --job-code`: {IN_TESTS}",
    "role *SubmitterRole* / ListLogs": "`fruit logs`: tests/end_to_end",
    "role *SubmitterRole* / ReadLogs": "`fruit logs`: tests/end_to_end",
    "role *SubmitterRole* / StartClusters": ALONE,
    "role *SubmitterRole* / WriteJobs": f"`fruit submit --job-code`: {IN_TESTS}",
    "user deployer / * / SimulateRights": f"`fruit doctor --probe`: {IN_TESTS}",
    "user deployer / * / AskForNodes": f"`fruit doctor --probe`: {IN_TESTS}",
    "user privacy-officer / *": f"`fruit forget` and `audit`: {IN_TESTS}",
    "user deployer / * / UseKey": "images and progress of prod: `make run STAGE=prod`",
    "user deployer / * / EndProtection": "stacks of prod: `make run STAGE=prod`",
    "user deployer / * / ReadLogsOfAFailure": "a deploy whose run fails: tests/end_to_end",
}
# The ends of the names that CloudFormation gives.
RANDOM = re.compile(
    r"(?:(?<=[a-z])(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{8}(?:[0-9A-F]{5,})?|-(?!\d{12}\b)[0-9A-Fa-f]{12,13})(?![0-9A-Za-z])"
)
# AWS's and CDK's own policies are theirs to justify.
THEIRS = ("AmazonEMRServicePolicy_v2", "AWSLambdaBasicExecutionRole")


@dataclass(frozen=True)
class Report:
    """What a record of calls says of the policies.

    Attributes:
        replay: The record.
        excused: Statements that need not have decided a call, and why.
    """

    replay: Replay
    excused: Mapping[str, str] = field(default_factory=lambda: {**NEVER, **NOT_IN_A_RUN})

    @cached_property
    def missed(self) -> dict[str, list[Call]]:
        """For each statement that decided calls, those that end otherwise without it."""
        return self.replay.missed()

    @cached_property
    def ours(self) -> list[Statement]:
        """The statements of the stacks and of the policies for people."""
        return sorted(
            (one for one in self.replay.statements.values() if _is_ours(one)), key=lambda one: one.id
        )

    @property
    def refused(self) -> list[Call]:
        """Calls that were refused and were no probes."""
        return [call for call in self.replay.calls if call["decision"] != ALLOWED and not call["probe"]]

    @property
    def needless(self) -> list[Statement]:
        """Statements that decided calls, none of which ends otherwise without them."""
        return [one for one in self.ours if one.id in self.missed and not self.missed[one.id]]

    @property
    def unused(self) -> list[Statement]:
        """Statements that decided no call, and that nothing excuses."""
        return [one for one in self.ours if one.id not in self.missed and not self.excuse(one)]

    @property
    def line(self) -> str:
        """The report in one line."""
        allows = [one for one in self.ours if one.allows]
        denies = [one for one in self.ours if not one.allows]
        count = sum(call["count"] for call in self.replay.calls)
        used = sum(one.id in self.missed for one in allows)
        callers = len({call["caller"] for call in self.replay.calls})
        excused = len(allows) - used - sum(one.allows for one in self.unused)
        return (
            f"{count:,} calls of {callers} callers, {len(self.refused)} refused; "
            f"{used} of {len(allows)} Allow used, {excused} excused; "
            f"{sum(one.id in self.missed for one in denies)} of {len(denies)} Deny refused a probe"
        )

    def excuse(self, one: Statement) -> str:
        """Return why a statement is there that decided no call; empty: nothing excuses it."""
        return next((reason for name, reason in self.excused.items() if fnmatchcase(one.id, name)), "")

    def faults(self) -> Iterator[str]:
        """Yield a line for all that should not be."""
        for call in self.refused:
            yield f"refused: {call['caller']}, {call['action']} on {call['resource']}"
        for one in self.unused:
            yield f"{'nobody uses' if one.allows else 'nothing probes'} {one.id}"
        for one in self.needless:
            yield f"more than is needed: {one.id}"

    def page(self) -> str:
        """Return the page, as Markdown; what CloudFormation adds to names is left out."""
        return RANDOM.sub("", self._page())

    def _page(self) -> str:
        rows = [*map(self._row, self.ours)]
        head = ("who", "statement", "effect", "actions", "on", "if", "the call that needs it")
        table = _table(head, rows)
        callers = Counter[str]()
        for call in self.replay.calls:
            callers[call["caller"]] += call["count"]
        called = _table(
            ("caller", "calls"), [(name, f"{number:,}") for name, number in sorted(callers.items())]
        )
        faults = "".join(f"- {fault}\n" for fault in self.faults()) or "None.\n"
        return (
            f"# Permissions\n\n{self.line}.\n\n## What should not be\n\n{faults}\n"
            f"## Statements\n\n{table}\n## Callers\n\n{called}"
        )

    def _row(self, one: Statement) -> tuple[str, ...]:
        calls = self.missed.get(one.id, [])
        used = {call["action"].lower() for call in self.replay.calls if one.id in call["statements"]}
        actions = [
            f"{action}" if _is_used(action, used) else f"({action})"
            for action in listed(one.document.get("Action"))
        ]
        call = f"{calls[0]['action']} on {calls[0]['resource']}" if calls else self.excuse(one) or "none"
        condition = "; ".join(
            f"{key} {operator} {', '.join(map(str, listed(value)))}"
            for operator, keys in one.document.get("Condition", {}).items()
            for key, value in keys.items()
        )
        return (
            one.owner,
            one.name,
            one.document["Effect"],
            ", ".join(actions),
            ", ".join(listed(one.document.get("Resource"))),
            condition,
            call,
        )


def listed(value: Any) -> list[str]:
    """Return one or several words of a policy as a list."""
    return [] if value is None else list(map(str, value)) if isinstance(value, list) else [str(value)]


def _is_used(action: str, used: Iterable[str]) -> bool:
    return any(fnmatchcase(one, action.lower()) for one in used)


def _is_ours(one: Statement) -> bool:
    people = one.owner.startswith("user ")
    ours = PROJECT in one.owner or one.owner.startswith("arn:aws:kms:")
    return (people or ours) and one.policy not in THEIRS


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)
