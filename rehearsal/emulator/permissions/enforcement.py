"""The check of every call, in the place of MiniStack's own: what it leaves out is added, all is recorded.

Added: tags of clusters, networks and groups, policy variables, `cloudwatch:namespace`, `iam:PassRole`, keys
through S3, transport and version of TLS.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.iam_evaluator import AuthError, EvalContext, EvalResult
from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2, iam, kms, s3, sts

from infra.contract.names import PROJECT
from rehearsal.emulator.permissions import callers
from rehearsal.emulator.permissions.callers import Caller
from rehearsal.emulator.permissions.evaluation import ALLOWED, DENIED, Verdict, evaluate, statements
from rehearsal.emulator.permissions.record import ROOT, Record
from rehearsal.settings import OLD_TLS, PLAIN, PROBE_HEADER

TLS, OLD = 1.3, 1.1
_probe: ContextVar[str] = ContextVar("probe", default="")
# What of a call was refused, which may be a right that it needs beside its own.
_refused: ContextVar[tuple[str, str]] = ContextVar("refused")
_request: ContextVar[tuple[bytes, Mapping[str, Any]]] = ContextVar("request", default=(b"", {}))

# What CloudFormation does, whose own role may do everything, and what the server does at its start.
BY_ROOT = Caller(ROOT, "arn:aws:iam::*:root", "Root")
ALL = Verdict(ALLOWED)
Tags = Mapping[str, str]
Further = tuple[str, str, dict[str, Any]]  # action, resource, context


def note_probe(headers: Mapping[str, str]) -> None:
    """Take note of what the request that comes says of its transport."""
    _probe.set(headers.get(PROBE_HEADER, ""))


@dataclass
class Guard:
    """Checks every call of one rehearsal."""

    root: str  # the key of the server itself, which CloudFormation and the start use; it is written nowhere
    cluster_tags: Callable[[str], Tags]  # returns the tags of a cluster by its ARN
    record: Record = field(default_factory=Record)
    enforcing: bool = False  # whether calls are refused; else only what is asked by `may` is

    def install(self) -> None:
        self.enforcing = True
        for module in (iam_evaluator, sts):
            module.is_root_access_key = lambda key: key == self.root
        iam_evaluator.enforce = self._enforce
        iam_actions.SERVICE_TO_IAM_NAMESPACE["servicequotas"] = "servicequotas"
        # Else it would not know which of EMR's operations have tags.
        iam_actions._BOTOCORE_SERVICE_MAP["elasticmapreduce"] = ["emr"]
        tags_of_request = iam_actions.request_tag_context

        def request_tag_context(service: str, action: str, body: bytes, params: Any) -> dict[str, Any]:
            _request.set((body, params))
            return dict(tags_of_request(service, action, body, params))

        iam_actions.request_tag_context = request_tag_context
        refuse = iam_actions.access_denied_response

        def access_denied_response(service: str, action: str, *arguments: Any, **named: Any) -> Any:
            action, named["resource_arn"] = _refused.get((action, named.get("resource_arn", "*")))
            return refuse(service, action, *arguments, **named)

        iam_actions.access_denied_response = access_denied_response

    def told(self) -> dict[str, Any]:
        """Return the calls so far, and the statements of all policies that are or were known."""
        self.record.keep(callers.all_statements(PROJECT))
        return self.record.told()

    def may(
        self, caller: Caller, action: str, resource: str, context: Mapping[str, Any] | None = None
    ) -> bool:
        """Return whether a role or a service of AWS may do something, in the region of now."""
        return self._verdict(caller, action, resource, dict(context or {})) == ALLOWED

    def takes_role(self, role_name: str, service: str, source: str) -> bool:
        """Return whether a service of AWS may take a role, on behalf of a resource."""
        sources = {"aws:sourceaccount": get_account_id(), "aws:sourcearn": source}
        asked = _context(callers.service(service), "sts:AssumeRole", role_arn(role_name), sources)
        found = iam._roles.get(role_name)
        trust = statements(f"role {role_name}", "trust", found and found["AssumeRolePolicyDocument"])
        return any(
            one.allows
            and iam_evaluator._service_principal_matches(one.document.get("Principal"), asked.principal_arn)
            and one.matches(asked)
            for one in trust
        )

    def _enforce(
        self,
        key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: Mapping[str, Any] | None = None,
    ) -> EvalResult | AuthError | None:
        """Answer as MiniStack's `enforce` does: None when the call is allowed."""
        if failure := iam_evaluator._s3_scope_failure(service):
            return failure
        credential = iam_evaluator.authenticate(key or "", get_account_id())
        if isinstance(credential, AuthError):
            return credential
        if action in iam_evaluator._ALWAYS_ALLOWED_ACTIONS:
            return None
        if key == self.root:
            self.record.note(ROOT, _context(BY_ROOT, action, resource_arn, {}), ALL, probe=False)
            return None
        caller = callers.caller_of_key(key or "", credential)
        if isinstance(caller, AuthError):
            return caller
        body, params = _request.get()
        action, resource_arn = _asked(action, resource_arn, body, params)
        context = {name.lower(): value for name, value in (service_context or {}).items()}
        if action == "cloudwatch:PutMetricData":
            context["cloudwatch:namespace"] = _parameter(body, params, "Namespace")
        checks = [(action, resource_arn, context), *_further(action, resource_arn, body, params)]
        for one_action, one_resource, one_context in checks:
            decision = self._verdict(caller, one_action, one_resource, one_context)
            if decision != ALLOWED:
                _refused.set((one_action, one_resource))
                return EvalResult("Deny" if decision == DENIED else "ImplicitDeny", caller.arn)
        if action == "s3:GetObject" and self._hides_absence(caller, resource_arn):
            _refused.set((action, resource_arn))
            return EvalResult("ImplicitDeny", caller.arn)
        return None

    def _hides_absence(self, caller: Caller, resource: str) -> bool:
        """Return whether an object is not there, and the caller may not know: S3 says so to who may list.

        It asks without a prefix: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        """
        if _stored(resource) is not None:
            return False
        asked, verdict = self._decide(caller, "s3:ListBucket", resource.split("/")[0], {})
        if verdict.decision == ALLOWED:
            self.record.note(caller.owner, asked, verdict, probe=False)
        return verdict.decision != ALLOWED

    def _verdict(self, caller: Caller, action: str, resource: str, context: dict[str, Any]) -> str:
        asked, verdict = self._decide(caller, action, resource, context)
        # A stack that is deleted takes a function's policy before the function, which a late event may call.
        bereft = not caller.statements and self.record.knows(caller.owner)
        self.record.note(caller.owner, asked, verdict, probe=bool(_probe.get()) or bereft)
        return verdict.decision

    def _decide(
        self, caller: Caller, action: str, resource: str, context: dict[str, Any]
    ) -> tuple[EvalContext, Verdict]:
        asked = _context(caller, action, resource, {**self._tags(resource), **context})
        return asked, evaluate(asked, caller.statements, callers.statements_of_resource(resource))

    def _tags(self, arn: str) -> dict[str, Any]:
        """Return what conditions may ask of a resource's tags, by lower-case key."""
        service = arn.split(":")[2] if arn.startswith("arn:") else ""
        if service == "elasticmapreduce":
            tags = self.cluster_tags(arn)
        elif service == "ec2":
            tags = {tag["Key"]: tag["Value"] for tag in ec2._tags.get(arn.rpartition("/")[2]) or ()}
        elif service == "kms":
            aliases = [
                name.rpartition(":")[2] for name, key in kms._aliases.items() if key == arn.rpartition("/")[2]
            ]
            return {"kms:resourcealiases": aliases}
        else:
            return {}
        return {
            f"{prefix}:resourcetag/{key}".lower(): value
            for key, value in tags.items()
            for prefix in ("aws", service)
        }


def _context(caller: Caller, action: str, resource: str, context: Mapping[str, Any]) -> EvalContext:
    transport = _probe.get()
    tls = {} if transport == PLAIN else {"s3:tlsversion": OLD if transport == OLD_TLS else TLS}
    return EvalContext(
        principal_arn=caller.arn,
        principal_type=caller.kind,
        principal_account=get_account_id(),
        action=action,
        resource_arn=resource,
        region=get_region(),
        source_ip="127.0.0.1",
        secure_transport=transport != PLAIN,
        # A request that names no tags has no aws:TagKeys.
        service_context={"aws:tagkeys": None, **(tls if action.startswith("s3:") else {}), **context},
        principal_keys=dict(caller.keys),
    )


def _asked(action: str, resource: str, body: bytes, params: Mapping[str, Any]) -> tuple[str, str]:
    """Return action and resource as AWS names them, where MiniStack takes others."""
    if action == "iam:SimulatePrincipalPolicy":
        resource = _parameter(body, params, "PolicySourceArn")
    if action.startswith("iam:") and (named := iam._roles.get(resource.rpartition("/")[2])):
        return action, named["Arn"]  # with its path
    if ":parameter/aws/" in resource:  # AWS's own parameters belong to no account
        return action, resource.replace(f":{get_account_id()}:", "::")
    if action == "s3:DeleteObject" and "delete" in params:  # the first of several, which may be a version
        targets = iam_actions._s3_batch_delete_targets(resource.split("/")[0].split(":")[-1], body)
        return ("s3:DeleteObjectVersion" if targets[0][1] else action), resource
    return action, resource


def _further(action: str, resource: str, body: bytes, params: Mapping[str, Any]) -> Iterator[Further]:
    """Yield what a call needs beside its own action."""
    passed: list[tuple[str, str]] = []
    if action.startswith("cloudformation:") and (role := _parameter(body, params, "RoleARN")):
        passed.append((role, "cloudformation"))
    if action == "elasticmapreduce:RunJobFlow":
        request = json.loads(body)
        passed.append((request["ServiceRole"], "elasticmapreduce"))
        passed += [(name, "ec2") for name in roles_of_profile(request.get("JobFlowRole", ""))]
        if request.get("Tags"):
            tags = "elasticmapreduce:AddTags"
            asked = iam_actions.request_tag_context("elasticmapreduce", tags, body, params)
            yield tags, resource, asked
    for role, service in passed:
        yield "iam:PassRole", role_arn(role), {"iam:passedtoservice": f"{service}.amazonaws.com"}
    if action in ("s3:PutObject", "s3:GetObject", "s3:GetObjectVersion"):
        yield from _keys_of_object(action, resource)


def role_arn(name: str) -> str:
    """Return a role's ARN by its name, or the ARN that it is."""
    return name if name.startswith("arn:") else f"arn:aws:iam::{get_account_id()}:role/{name}"


def roles_of_profile(profile: str) -> list[str]:
    """Return the names of the roles in an instance profile, by its name or ARN; of an unknown one, none."""
    found = iam._instance_profiles.get(profile.rpartition("/")[2])
    return [str(name) for name in found["Roles"]] if found else []


def _keys_of_object(action: str, resource: str) -> Iterator[Further]:
    """Yield what S3 does with a key in the caller's name; S3's own key lets everybody in the account."""
    bucket = resource.removeprefix("arn:aws:s3:::").split("/")[0]
    if action == "s3:PutObject":
        headers = s3._bucket_default_sse_headers(bucket)
        needed = ["kms:GenerateDataKey", "kms:Decrypt"]  # all our buckets have bucket keys
    else:
        known = _stored(resource)
        headers, needed = s3._stored_sse_headers(known) if known else {}, ["kms:Decrypt"]
    key = headers.get("x-amz-server-side-encryption-aws-kms-key-id", "")
    if not key or key.endswith("alias/aws/s3"):
        return
    context = {
        "kms:viaservice": f"s3.{get_region()}.amazonaws.com",
        "kms:encryptioncontext:aws:s3:arn": f"arn:aws:s3:::{bucket}",
    }
    arn = key if key.startswith("arn:") else f"arn:aws:kms:{get_region()}:{get_account_id()}:key/{key}"
    for one in needed:
        yield one, arn, context


def _stored(resource: str) -> Any:
    """Return the object of an ARN as MiniStack has it; None: it is not there."""
    bucket, _, name = resource.removeprefix("arn:aws:s3:::").partition("/")
    return s3._buckets.get(bucket, {}).get("objects", {}).get(name)


def _parameter(body: bytes, params: Mapping[str, Any], name: str) -> str:
    """Return a string of a request, whose protocol may be a query or JSON; empty: it has none."""
    return str(iam_actions._param(body, dict(params), name) or "")
