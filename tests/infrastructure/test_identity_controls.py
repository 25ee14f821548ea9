"""Identity controls of the security review: no policy gives everything, or every key."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.synthesis import Synthesis, as_list

IDENTITY_POLICIES = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role")
DECRYPTING = {"kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncrypt*", "kms:*", "*"}


def allowed(stacks: Synthesis) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(where, statement) of what identities are allowed, in every stack."""
    for where, statement in stacks.statements():
        part, name = where.split("/")
        kind = stacks.json(part)["Resources"][name]["Type"]
        if kind in IDENTITY_POLICIES and statement["Effect"] == "Allow" and "Principal" not in statement:
            yield where, statement


def test_no_policy_allows_everything_or_a_whole_service(stage) -> None:
    """No `*`, no `s3:*`, and no NotAction, in any policy of any role."""
    statements = list(allowed(stage))
    assert statements
    for where, statement in statements:
        assert "NotAction" not in statement, where
        for action in as_list(statement["Action"]):
            assert action != "*", where
            assert not action.endswith(":*"), f"{where} allows {action}"


def test_no_policy_decrypts_with_every_key(stage) -> None:
    """Where decryption is allowed, the key is named."""
    for where, statement in allowed(stage):
        if DECRYPTING & set(as_list(statement["Action"])):
            for resource in as_list(statement["Resource"]):
                assert resource != "*", where
                assert not str(resource).endswith(":key/*"), where


def test_no_role_is_an_administrator_by_a_managed_policy(stage) -> None:
    """AWS's policies of whole services, AdministratorAccess above all, are attached nowhere."""
    for part in stage.files:
        for name, role in stage.resources(part, "AWS::IAM::Role").items():
            attached = str(role["Properties"].get("ManagedPolicyArns", []))
            for policy in ("AdministratorAccess", "PowerUserAccess", "FullAccess"):
                assert policy not in attached, f"{part}/{name}"


def test_there_are_no_users_and_no_access_keys(stage) -> None:
    """Roles only: nothing that could leak from a laptop is made here."""
    for part in stage.files:
        for kind in ("AWS::IAM::User", "AWS::IAM::AccessKey", "AWS::IAM::Group"):
            assert stage.resources(part, kind) == {}
