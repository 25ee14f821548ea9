"""Who may read what lies in a bucket: everybody in the account, by the policies that are attached to them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Self

from operate.errors import DENIED, none_if_refused

# A replica is made by the last one.
READING = ("s3:getobject", "s3:getobjectversion", "s3:getobjectversionforreplication")
CONDITION = " (on a condition)"


@dataclass(frozen=True)
class Policies:
    """The statements that allow something, of each user and role of the account."""

    statements: Mapping[str, list[Mapping[str, Any]]]

    @classmethod
    def of_account(cls, iam: Any) -> Self | None:
        """Ask IAM; None: it does not tell these credentials."""
        found: dict[str, list[Any]] = {}
        asked = iam.get_paginator("get_account_authorization_details").paginate()
        pages = none_if_refused(DENIED, lambda: list(asked))
        if pages is None:
            return None
        for page in pages:
            for name, entries in page.items():
                found.setdefault(name, []).extend(entries if isinstance(entries, list) else ())
        managed = {
            policy["Arn"]: version["Document"]
            for policy in found.get("Policies", ())
            for version in policy["PolicyVersionList"]
            if version["IsDefaultVersion"]
        }
        groups = {group["GroupName"]: group for group in found.get("GroupDetailList", ())}
        owners = {f"role {role['RoleName']}": [role] for role in found.get("RoleDetailList", ())}
        for user in found.get("UserDetailList", ()):
            owners[f"user {user['UserName']}"] = [user, *(groups[name] for name in user.get("GroupList", ()))]
        allowed = {}
        for name, holders in owners.items():
            allowed[name] = [one for holder in holders for one in _statements(holder, managed)]
        return cls(allowed)

    def readers(self, bucket: str, prefix: str, bucket_policy: Mapping[str, Any] | None) -> tuple[str, ...]:
        """Return who may at most read what lies below a prefix: what a policy denies is not taken off."""
        place = f"arn:aws:s3:::{bucket}/{prefix}"
        found = {name: _allows(statements, place) for name, statements in self.statements.items()}
        for one in _allowing(bucket_policy or {}):
            principal = one.get("Principal", "*")
            kinds = principal.values() if isinstance(principal, Mapping) else [principal]
            names = ", ".join(name for kind in kinds for name in _texts(kind))
            found[f"{names}, by the bucket's policy"] = _allows([one], place)
        return tuple(sorted(name + how for name, how in found.items() if how is not None))


def _statements(holder: Mapping[str, Any], managed: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the statements of a user, a group or a role that allow something."""
    for kind in ("UserPolicyList", "GroupPolicyList", "RolePolicyList"):
        for policy in holder.get(kind, ()):
            yield from _allowing(policy["PolicyDocument"])
    for attached in holder.get("AttachedManagedPolicies", ()):
        yield from _allowing(managed.get(attached["PolicyArn"], {}))


def _allowing(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    statements = document.get("Statement", ())
    for one in [statements] if isinstance(statements, Mapping) else statements:
        if one["Effect"] == "Allow":
            yield one


def _allows(statements: Iterable[Mapping[str, Any]], place: str) -> str | None:
    """Return None where no statement lets anything at the place be read, else on which condition."""
    matching = []
    for one in statements:
        patterns = _texts(one.get("NotAction", one.get("Action", ())))
        named = [any(fnmatchcase(action, text.lower()) for text in patterns) for action in READING]
        reads = not all(named) if "NotAction" in one else any(named)
        places = _texts(one.get("Resource", "*"))  # NotResource: nearly everything
        # An address that begins like the place can match.
        if reads and any(fnmatchcase(place, text[:end]) for text in places for end in range(len(text) + 1)):
            matching.append(one)
    if not matching:
        return None
    return CONDITION if all(one.get("Condition") for one in matching) else ""


def _texts(given: str | Iterable[str]) -> Iterable[str]:
    return [given] if isinstance(given, str) else given
