"""Certificates for encryption between nodes: another library accepts them, the key stays in its archive."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from infra.cluster.functions.certificate_maker import handler
from infra.cluster.functions.certificate_maker.x509 import RsaKey, integer, rsa_key, values
from tests.doubles import Double

NAME = "*.eu-west-3.compute.internal"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WANTED = {"Bucket": "artifacts", "Key": "transit/run.zip", "KeyArn": "arn:key", "HostName": NAME}


@pytest.fixture(scope="module")
def pair() -> tuple[bytes, bytes]:
    """(private PKCS #8, public SubjectPublicKeyInfo), as KMS gives them."""
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, public


class Kms(Double):
    def __init__(self, pair) -> None:
        self.pair = pair

    def generate_data_key_pair(self, KeyId, KeyPairSpec):  # noqa: N803 (KMS's names)
        assert (KeyId, KeyPairSpec) == ("arn:key", "RSA_2048")
        return {"PrivateKeyPlaintext": self.pair[0], "PublicKey": self.pair[1]}


class S3(Double):
    """A versioned bucket: place to version to (bytes, when they came)."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str], dict[str, tuple[bytes, datetime]]] = {}
        self.made = 0

    def put_object(self, Bucket, Key, Body):  # noqa: N803
        self.made += 1
        self.stored.setdefault((Bucket, Key), {})[f"v{self.made}"] = (Body, datetime.now(UTC))

    def list_object_versions(self, Bucket, Prefix):  # noqa: N803
        versions = [
            {"Key": key, "VersionId": version, "LastModified": when}
            for (bucket, key), each in self.stored.items()
            if bucket == Bucket and key.startswith(Prefix)
            for version, (_, when) in each.items()
        ]
        return {"Versions": versions} if versions else {}

    def delete_object(self, Bucket, Key, VersionId) -> None:  # noqa: N803
        del self.stored[Bucket, Key][VersionId]

    def versions(self, key: str = WANTED["Key"]) -> list[str]:
        return list(self.stored.get(("artifacts", key), {}))

    def age(self, days: int) -> None:
        """Let so many days pass."""
        for place, each in self.stored.items():
            self.stored[place] = {
                name: (body, when - timedelta(days=days)) for name, (body, when) in each.items()
            }


def opened(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        return {name: files.read(name) for name in files.namelist()}


def test_another_library_verifies_the_certificate(pair) -> None:
    """It is version 3, signs itself, names every host of the region, and holds for a bit more than a year."""
    files = opened(handler.certificate_archive(pair[0], pair[1], NAME, NOW))
    certificate = x509.load_pem_x509_certificate(files["certificateChain.pem"])
    certificate.verify_directly_issued_by(certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAME]
    assert certificate.subject.rfc4514_string() == f"CN={NAME}"
    assert certificate.not_valid_before_utc == NOW - timedelta(hours=1)
    assert certificate.not_valid_after_utc == NOW + timedelta(days=397)
    assert certificate.version is x509.Version.v3


def test_the_archive_holds_what_emr_wants(pair) -> None:
    """Private key, chain and trusted certificates; the key fits the certificate."""
    files = opened(handler.certificate_archive(pair[0], pair[1], NAME, NOW))
    assert set(files) == {"privateKey.pem", "certificateChain.pem", "trustedCertificates.pem"}
    key = serialization.load_pem_private_key(files["privateKey.pem"], None)
    certificate = x509.load_pem_x509_certificate(files["certificateChain.pem"])
    assert key.public_key() == certificate.public_key()
    assert files["certificateChain.pem"] == files["trustedCertificates.pem"]


def test_two_certificates_have_two_serial_numbers(pair) -> None:
    """So that no two are taken for each other."""
    serials = {
        x509.load_pem_x509_certificate(
            opened(handler.certificate_archive(pair[0], pair[1], NAME, NOW))["certificateChain.pem"]
        ).serial_number
        for _ in range(3)
    }
    assert len(serials) == 3


def asked(s3, kms, kind: str, key: str = WANTED["Key"], before: str | None = None, **others) -> dict:
    """What the function answers to one request."""
    old = {"OldResourceProperties": {**WANTED, "Key": before}} if before else {}
    event = {"RequestType": kind, "ResourceProperties": {**WANTED, "Key": key, **others}, **old}
    return handler.respond(event, s3, kms)


def test_creation_stores_the_archive_and_answers_with_its_place_alone(pair) -> None:
    """No key in what CloudFormation gets."""
    s3 = S3()
    answer = asked(s3, Kms(pair), "Create")
    assert answer["Data"] == {"Uri": "s3://artifacts/transit/run.zip"}
    assert json.loads(answer["PhysicalResourceId"]) == ["artifacts", "transit/run.zip"]
    ((archive, _),) = s3.stored["artifacts", "transit/run.zip"].values()
    assert "privateKey.pem" in opened(archive)
    assert "PRIVATE" not in json.dumps(answer)


def test_a_rollback_keeps_the_archive_that_the_nodes_have(pair) -> None:
    """CloudFormation asks for the one before as for an update; nodes that join must match those that run."""
    s3 = S3()
    asked(s3, Kms(pair), "Create")
    asked(s3, Kms(pair), "Update", key="transit/next.zip", before="transit/run.zip")
    answer = asked(s3, Kms(pair), "Update", before="transit/next.zip")
    assert (s3.versions(), s3.versions("transit/next.zip")) == (["v1"], ["v2"])
    assert json.loads(answer["PhysicalResourceId"]) == ["artifacts", "transit/run.zip"]


def test_a_change_under_the_same_key_makes_another_archive(pair) -> None:
    """Another KMS key, or another host name; the old pair goes."""
    s3 = S3()
    asked(s3, Kms(pair), "Create")
    asked(s3, Kms(pair), "Update", before="transit/run.zip", HostName="*.example.internal")
    assert s3.versions() == ["v2"]


def test_a_certificate_is_renewed_before_it_expires(pair) -> None:
    """The rule asks every 30 days; within 300 days nothing happens, then the old pair goes."""
    s3 = S3()
    asked(s3, Kms(pair), "Create")
    s3.age(299)
    asked(s3, Kms(pair), handler.RENEW)
    assert s3.versions() == ["v1"]
    s3.age(30)
    asked(s3, Kms(pair), handler.RENEW)
    assert s3.versions() == ["v2"]


def test_removal_takes_every_version(pair) -> None:
    """A delete marker would leave the key readable below it; an archive of a longer name stays."""
    s3 = S3()
    answer = asked(s3, Kms(pair), "Create")
    asked(s3, Kms(pair), "Create", key="transit/run.zip.old")
    event = {"RequestType": "Delete", "PhysicalResourceId": answer["PhysicalResourceId"]}
    assert handler.respond(event, s3, Kms(pair)) == {}
    assert (s3.versions(), s3.versions("transit/run.zip.old")) == ([], ["v2"])


def test_removal_of_what_was_never_made_does_nothing(pair) -> None:
    """CloudFormation asks for it after a failed creation."""
    s3 = S3()
    asked(s3, Kms(pair), "Create")
    handler.respond({"RequestType": "Delete", "PhysicalResourceId": "none"}, s3, Kms(pair))
    assert s3.versions() == ["v1"]


def test_a_refusal_is_answered_with_its_reason(monkeypatch) -> None:
    """Else the stack would wait for an hour."""
    sent = []

    class Refusing:
        def generate_data_key_pair(self, **_):
            raise PermissionError("AccessDenied: kms:GenerateDataKeyPair")

    class Closed:
        def close(self) -> None:
            pass

    monkeypatch.setattr(handler.boto3, "client", lambda name: Refusing() if name == "kms" else S3())

    def send(request, timeout):
        sent.append(request)
        return Closed()

    monkeypatch.setattr(handler.urllib.request, "urlopen", send)
    identity = {"StackId": "stack", "RequestId": "1", "LogicalResourceId": "Archive"}
    event = {"RequestType": "Create", "ResourceProperties": WANTED, "ResponseURL": "https://x/", **identity}
    handler.handle(event, None)
    answer = json.loads(sent[0].data)
    assert answer["Status"] == "FAILED"
    assert "AccessDenied" in answer["Reason"]
    assert answer["PhysicalResourceId"] == "none"
    assert {name: answer[name] for name in identity} == identity


@pytest.mark.parametrize("value", [0, 1, 127, 128, 255, 256, 2**128])
def test_integers_are_encoded_as_der_wants_them(value) -> None:
    """Positive ones with a leading zero where their first bit is set, and never one too many."""
    encoded = integer(value)
    (content,) = values(encoded)
    assert int.from_bytes(content, signed=True) == value
    assert len(content) == 1 or content[0] or content[1] & 0x80


def test_a_key_that_does_not_fit_signs_nothing(pair) -> None:
    """A fault is caught before a certificate leaves."""
    key = rsa_key(pair[0])
    with pytest.raises(ValueError, match="does not verify"):
        RsaKey(key.modulus, key.public_exponent, key.private_exponent + 2).sign(b"message")
