"""The page of a security review: who may do what, on what, under which condition; the call that needs it."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property

from infra.contract.names import PROJECT
from rehearsal.emulator.permissions.evaluation import ALLOWED, Statement, listed
from rehearsal.emulator.permissions.record import Call, Replay

PAGE, RECORD = "permissions.md", "permissions.json"
# What no rehearsal can use, and why it is there all the same: a statement by `OWNER / POLICY / NAME`,
# an action of one by `OWNER / POLICY / NAME / ACTION`.
NEVER: Mapping[str, str] = {
    "*accesslogs* / *s3:PutObject": "S3 itself writes access logs; the emulated one writes none",
    "*NotificationsTopic* / Publish*": "Budgets and CloudWatch tell the topic; here is no bill and no alarm",
    "arn:aws:kms:* / 1 kms:*": "AWS's own first statement of each key: else nobody could ever change the key",
    "arn:aws:kms:* / 2 kms:Decrypt*": "Budgets and CloudWatch encrypt what they tell the topic",
    "role *-nodes-* / SessionManager*": "the agent of Session Manager; the emulated nodes have none",
    "role *-nodes-* / ListLogs": "EMR's own programs look for their logs, as AWS's example policy allows",
    "role *-nodes-* / ReadCertificates": "EMR's own programs, for TLS between nodes, which these do without",
    "role *-nodes-* / UseKey / *": "AWS's list for encrypted disks; here they are folders",
    "role *ServiceRole* / EncryptVolumes*": "AWS's list for encrypted disks; here they are folders",
    "role *NetworkFlowLogRole* / *": "EC2 writes flow logs; no packet passes here",
    "role *Replicatio* / * / *Tag*": "S3 copies tags with an image; nobody here gives any",
    "role *Replicatio* / * / kms:Encrypt": "AWS's list for replication",
    "role *SubmitterRole* / *Tunnel*": "Session Manager, which is not emulated",
    "role *SubmitterRole* / ForwardPorts": "Session Manager, which is not emulated",
    "role *SubmitterRole* / ListClusters / *Security*": "`fruit tunnel`, which begins with Session Manager",
    "user bootstrapper / * / MakeToolkitsResources": "CloudFormation makes them in the person's name: played",
    "user bootstrapper / * / MakeToolkit / *": "`cdk bootstrap` a second time, of a toolkit that is there",
    "user deployer / * / ReadQuotas / *Default*": "a quota that was never changed; all are known here",
}
# What a rehearsal uses or not, as the minute and the photographs will have it.
NOT_IN_EACH_RUN: Mapping[str, str] = {
    "role *CostLimitRole* / LookAndEnd / *Terminate*": "a run that reached its cost limit and does not stop",
    "role *CostLimitRole* / *": "it is called once a minute; a run here may end before",
    "role *-nodes-* / WriteResults / s3:[AD]*": "a stage that begins anew, or a write that failed",
    "role *Custom*Restrict* / *": "CDK's own, which opens the default group again when the network goes",
    "arn:aws:s3:::* / *DeleteObject* / *": "CDK's own, which empties a bucket that goes; this one was empty",
    "user privacy-officer / * / ReadPhotographs*": "`fruit forget --refit`: pictures of the new reports",
    "role *SubmitterRole* / SubmitSteps / *Cancel*": "`fruit cancel` of a run that is under way",
}
RECORDED_IN = "recorded in"
IN_DEPLOY = "tests/rehearsal/emulator/test_deploy.py"
IN_PIPELINE = "tests/end_to_end/test_deployed_pipeline.py"
# What a `dev` rehearsal does not use, by the test that does: each proves that its calls need all of these.
RECORDED: Mapping[str, tuple[str, ...]] = {
    IN_DEPLOY: (
        "role *LauncherStarter*",
        "role *RunEndedRole* / ReadSteps",
        "role *RunEndedRole* / ReadSteps / *DescribeStep",
        "role *ServiceRole* / MakeSpotRole",
        "role *SubmitterRole* / Images*",
        "role *SubmitterRole* / *Erasures",
        "role *SubmitterRole* / ListClusters",
        "role *SubmitterRole* / StartClusters",
        "role *SubmitterRole* / UseKey",
        "role *SubmitterRole* / WriteJobs",
        "user deployer / * / AskForNodes",
        "user deployer / * / EndProtection",
        "user deployer / * / FollowTheRun / *",
        "user deployer / * / LookAtEmr / *Types",
        "user deployer / * / ReadLogsOfAFailure",
        "user deployer / * / SimulateRights",
        "user deployer / * / UploadImages / *",
        "user deployer / * / UseKey",
        "user privacy-officer / *",
    ),
    IN_PIPELINE: (
        "role *-nodes-* / ReadJobs",
        "role *SubmitterRole* / ListLogs",
        "role *SubmitterRole* / ReadLogs",
        "role *SubmitterRole* / SubmitSteps",
        "role *SubmitterRole* / SubmitSteps / *AddJobFlowSteps",
    ),
}
EXCUSED: Mapping[str, str] = {
    **NEVER,
    **NOT_IN_EACH_RUN,
    **{name: f"{RECORDED_IN} {test}" for test, names in RECORDED.items() for name in names},
}
# The ends of the names that CloudFormation gives.
RANDOM = re.compile(
    r"(?:(?<=[a-z])(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{8}(?:[0-9A-F]{5,})?|-(?!\d{12}\b)[0-9A-Fa-f]{12,13})(?![0-9A-Za-z])"
)
# AWS's and CDK's own policies are theirs to justify.
THEIRS = ("AmazonEMRServicePolicy_v2", "AWSLambdaBasicExecutionRole")


@dataclass(frozen=True)
class Report:
    """What a record of calls says of the policies."""

    replay: Replay
    # Statements and actions that need not have decided a call, and why.
    excused: Mapping[str, str] = field(default_factory=lambda: EXCUSED)

    @cached_property
    def missed(self) -> dict[str, list[Call]]:
        """For each statement that decided calls, those that end otherwise without it."""
        return self.replay.missed()

    @cached_property
    def ours(self) -> list[Statement]:
        """The statements of the stacks and of the policies for people."""
        found = [
            one
            for one in self.replay.statements.values()
            if one.policy not in THEIRS
            and (PROJECT in one.owner or one.owner.startswith(("user ", "arn:aws:kms:")))
        ]
        return sorted(found, key=lambda one: one.id)

    @property
    def refused(self) -> list[Call]:
        """Calls that were refused and were no probes."""
        return [call for call in self.replay.calls if call["decision"] != ALLOWED and not call["probe"]]

    @property
    def needless(self) -> list[Statement]:
        """Statements that decided calls, none of which ends otherwise without them."""
        return [one for one in self.ours if one.id in self.missed and not self.missed[one.id]]

    @property
    def is_kept(self) -> bool:
        """Whether the stacks were not destroyed: what that uses cannot have been used."""
        return not any(call["action"] == "cloudformation:DeleteStack" for call in self.replay.calls)

    @property
    def line(self) -> str:
        allows = [one for one in self.ours if one.allows]
        denies = [one for one in self.ours if not one.allows]
        count = sum(call["count"] for call in self.replay.calls)
        used = sum(one.id in self.missed for one in allows)
        callers = len({call["caller"] for call in self.replay.calls})
        reasons = [reason for one in allows if one.id not in self.missed and (reason := self.excuse(one))]
        recorded = sum(reason.startswith(RECORDED_IN) for reason in reasons)
        excused = len(reasons) - recorded
        return (
            f"{count:,} calls of {callers} callers, {len(self.refused)} refused; "
            f"{used} of {len(allows)} Allow used, {recorded} more in tests, {excused} excused; "
            f"{sum(one.id in self.missed for one in denies)} of {len(denies)} Deny refused a probe"
            f"{'; nothing was destroyed: what is unused is not checked' if self.is_kept else ''}"
        )

    def excuse(self, one: Statement, action: str = "") -> str:
        """Return why a statement or an action is there that decided no call; empty: nothing excuses it."""
        names = [one.id, f"{one.id} / {action}"]
        return next(
            (reason for name, reason in self.excused.items() if any(fnmatchcase(n, name) for n in names)), ""
        )

    @cached_property
    def idle(self) -> list[tuple[Statement, str]]:
        """Actions that no call used, of statements that allow and decided calls."""
        return [
            (one, action)
            for one in self.ours
            if one.allows and one.id in self.missed
            for action in listed(one.document.get("Action"))
            if not self.is_used(one, action)
        ]

    def faults(self) -> Iterator[str]:
        for call in self.refused:
            yield f"refused: {call['caller']}, {call['action']} on {call['resource']}"
        for one in () if self.is_kept else self.ours:
            if one.id not in self.missed and not self.excuse(one):
                yield f"{'nobody uses' if one.allows else 'nothing probes'} {one.id}"
        for one, action in () if self.is_kept else self.idle:
            if not self.excuse(one, action):
                yield f"nobody uses {action} of {one.id}"
        for one in self.needless:
            yield f"more than is needed: {one.id}"

    def page(self) -> str:
        """Return the page, as Markdown; what CloudFormation adds to names is left out."""
        callers = Counter[str]()
        for call in self.replay.calls:
            callers[call["caller"]] += call["count"]
        statements = _table(
            ("who", "statement", "effect", "actions", "on", "if", "the call that needs it"),
            map(self._row, self.ours),
        )
        idle = _table(
            ("statement", "action", "why"),
            [(one.id, action, self.excuse(one, action) or "none") for one, action in self.idle],
        )
        called = _table(
            ("caller", "calls"), [(name, f"{number:,}") for name, number in sorted(callers.items())]
        )
        faults = "".join(f"- {fault}\n" for fault in self.faults()) or "None.\n"
        page = (
            f"# Permissions\n\n{self.line}.\n\n## What should not be\n\n{faults}\n"
            f"## Statements\n\n{statements}\n## Actions that no call used\n\n{idle}\n## Callers\n\n{called}"
        )
        return RANDOM.sub("", page)

    def is_used(self, one: Statement, action: str) -> bool:
        """Return whether a call that the statement decided used one of its actions."""
        return any(
            fnmatchcase(call["action"].lower(), action.lower())
            for call in self.replay.calls
            if one.id in call["statements"]
        )

    def _row(self, one: Statement) -> tuple[str, ...]:
        calls = self.missed.get(one.id, [])
        actions = listed(one.document.get("Action"))
        condition = "; ".join(
            f"{key} {operator} {', '.join(map(str, listed(value)))}"
            for operator, keys in one.document.get("Condition", {}).items()
            for key, value in keys.items()
        )
        return (
            one.owner,
            one.name,
            one.document["Effect"],
            ", ".join(action if self.is_used(one, action) else f"({action})" for action in actions),
            ", ".join(listed(one.document.get("Resource"))),
            condition,
            f"{calls[0]['action']} on {calls[0]['resource']}" if calls else self.excuse(one) or "none",
        )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)
