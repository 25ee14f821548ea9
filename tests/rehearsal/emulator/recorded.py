"""What a record of calls says, held against its own policies and against `RECORDED`."""

from fnmatch import fnmatchcase

from rehearsal.emulator.permissions.record import ROOT, Call, Replay
from rehearsal.permissions_report import NEVER, NOT_IN_EACH_RUN, RECORDED, Report, listed


def different(replay: Replay) -> list[Call]:
    """Calls that the recorded policies decide otherwise than the rehearsal did."""
    checked = (call for call in replay.calls if call["caller"] != ROOT)
    return [call for call in checked if replay.verdict(call).decision != call["decision"]]


def unrecorded(report: Report, test: str, stage: str) -> list[str]:
    """What is said of a test and is not so: statements and actions that no call needs."""
    ours = [one for one in report.ours if one.owner.startswith("user ") or f"-{stage}-" in one.owner]
    actions = {f"{one.id} / {action}": one for one in ours for action in listed(one.document.get("Action"))}
    idle = [
        action
        for action, one in actions.items()
        if not (one.id in report.missed and report.is_used(one, action.rpartition(" / ")[2]))
        and not any(fnmatchcase(action, other) for other in (*NEVER, *NOT_IN_EACH_RUN))
    ]
    found = []
    for name in RECORDED[test]:
        meant = [
            action
            for action, one in actions.items()
            if fnmatchcase(one.id, name) or fnmatchcase(action, name)
        ]
        found += [action for action in meant if action in idle] if meant else [name]
    return found
