"""Who calls: users, roles and services of the emulated account, with the statements of their policies."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, request_scope
from ministack.services import iam, imds, kms, s3, sns, sts

from infra.checkout import ROOT
from rehearsal.emulator.permissions.evaluation import Statement, statements
from rehearsal.settings import ACCOUNT, Keys

# The policies that the documents tell people to attach; ACCOUNT, REGION and STAGE stand for one's own.
POLICIES = ROOT / "docs" / "policies"
SESSION_SECONDS = 3600  # as MiniStack's metadata service says it


@dataclass(frozen=True)
class Caller:
    """Who calls."""

    owner: str  # as statements name whose they are: `user NAME`, `role NAME` or `service NAME`
    arn: str  # as conditions see it; of a service its name, such as `events.amazonaws.com`
    kind: str  # `User`, `AssumedRole` or `Service`
    # What conditions may ask of the caller, by lower-case key.
    keys: Mapping[str, Any] = field(default_factory=dict)

    @property
    def statements(self) -> list[Statement]:
        """The statements of the caller's own policies; a service has none."""
        return [] if self.kind == "Service" else _own(self.owner)


def caller_of_key(access_key_id: str, credential: Any) -> Caller | Any:
    """Return whose key it is, or MiniStack's AuthError."""
    found = iam_evaluator.resolve_principal(access_key_id, get_account_id(), credential)
    if not hasattr(found, "policies"):
        return found
    parts = found.arn.split(":", 5)[5].split("/")
    owner = f"role {parts[1]}" if found.type == "AssumedRole" else f"user {parts[-1]}"
    return Caller(owner, found.arn, found.type, found.keys)


def role(name: str, session: str) -> Caller:
    """Return a role as a service of AWS has taken it."""
    arn = f"arn:aws:sts::{get_account_id()}:assumed-role/{name}/{session}"
    return Caller(f"role {name}", arn, "AssumedRole")


def service(name: str) -> Caller:
    """Return a service of AWS, such as `events`."""
    return Caller(f"service {name}", f"{name}.amazonaws.com", "Service")


def statements_of_resource(arn: str) -> list[Statement]:
    """Return the statements of a resource's own policy, if it has one."""
    found = iam_evaluator._resource_policy(arn.split(":")[2], arn) if arn.count(":") > 4 else None
    owner = arn.split("/")[0] if arn.startswith("arn:aws:s3:::") else arn
    return statements(owner, "of the resource", found and found[0])


def all_statements(prefix: str) -> Iterable[Statement]:
    """Yield the statements of all policies whose owner's name begins so, and of every person's policy."""
    for name in list(iam._roles):
        if name.startswith(prefix):
            yield from _own(f"role {name}")
    for name in list(iam._users):
        yield from _own(f"user {name}")
    buckets = [f"arn:aws:s3:::{name}" for name in list(s3._buckets)]
    topics, keys = list(sns._topics), [record["Arn"] for record in kms._keys.values()]
    for arn in [*buckets, *topics, *keys]:
        if prefix in arn or ":kms:" in arn:
            yield from statements_of_resource(arn)


def add_user(name: str, keys: Keys, policies: Mapping[str, str]) -> None:
    """Give the account a user with keys and inline policies, name to document."""
    with request_scope(ACCOUNT, None):
        iam._create_user({"UserName": name})
        iam._user_inline_policies[name] = dict(policies)
        iam._access_keys[keys.access_key_id] = {
            "UserName": name,
            "AccessKeyId": keys.access_key_id,
            "SecretAccessKey": keys.secret_access_key,
            "Status": "Active",
            "CreateDate": iam._now(),
        }


def policy_of(person: str, region: str, stage: str = "*") -> str:
    """Return the policy that the documents give a person, for the rehearsal's account."""
    text = (POLICIES / f"{person}.json").read_text(encoding="utf-8")
    return text.replace("ACCOUNT", ACCOUNT).replace("REGION", region).replace("STAGE", stage)


def new_session(role_name: str, session: str) -> dict[str, str]:
    """Return keys of a role that a service of AWS hands out, as its metadata service words them."""
    told: dict[str, str] = imds._credentials_doc()
    sts.register_session(
        told["AccessKeyId"],
        {
            "Arn": role(role_name, session).arn,
            "AccountId": get_account_id(),
            "UserId": f"{sts._role_id(f'arn:aws:iam::{get_account_id()}:role/{role_name}')}:{session}",
            "SecretAccessKey": told["SecretAccessKey"],
            "SessionToken": told["Token"],
            "Expiration": time.time() + SESSION_SECONDS,
        },
    )
    return told


@cache
def _managed_policies() -> dict[str, Any]:
    """Return the text of AWS's own policies, as moto ships it."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data  # half a second

    return dict(json.loads(aws_managed_policies_data))


def _own(owner: str) -> list[Statement]:
    """Return the statements of a user's or a role's policies; of who is not there, none."""
    kind, name = owner.split(" ", 1)
    record = (iam._users if kind == "user" else iam._roles).get(name)
    if record is None:
        return []
    inline = iam._user_inline_policies.get(name) if kind == "user" else record.get("InlinePolicies")
    documents = list((inline or {}).items())
    for arn in record["AttachedPolicies"]:
        policy = arn.rpartition("/")[2]
        if arn.startswith(iam._AWS_MANAGED_POLICY_PREFIX):
            documents.append((policy, _managed_policies()[policy]["Document"]))
        elif known := iam._lookup_policy(arn):
            documents.append((policy, known["Versions"][known["DefaultVersionId"]].get("Document")))
    return [one for policy, document in documents for one in statements(owner, policy, document)]
