"""What `RECORDED` says of a test, held against the calls that it made."""

from fnmatch import fnmatchcase

from rehearsal.permissions_report import NEVER, NOT_IN_EACH_RUN, RECORDED, Report, listed


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
