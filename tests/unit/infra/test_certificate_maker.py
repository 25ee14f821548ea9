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
    def __init__(self) -> None:
        self.stored, self.deleted = {}, []

    def put_object(self, Bucket, Key, Body):  # noqa: N803
        self.stored[Bucket, Key] = Body
        return {"VersionId": "v1"}

    def delete_object(self, **which) -> None:
        self.deleted.append(which)


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


def test_creation_stores_the_archive_and_answers_with_its_place_alone(pair) -> None:
    """No key in what CloudFormation gets."""
    s3 = S3()
    answer = handler.respond({"RequestType": "Create", "ResourceProperties": WANTED}, s3, Kms(pair))
    assert answer["Data"] == {"Uri": "s3://artifacts/transit/run.zip"}
    assert json.loads(answer["PhysicalResourceId"]) == ["artifacts", "transit/run.zip", "v1"]
    assert "privateKey.pem" in opened(s3.stored["artifacts", "transit/run.zip"])
    assert "PRIVATE" not in json.dumps(answer)


def test_removal_takes_the_very_version(pair) -> None:
    """A delete marker would leave the key readable below it."""
    s3 = S3()
    event = {"RequestType": "Delete", "PhysicalResourceId": '["artifacts", "transit/run.zip", "v1"]'}
    assert handler.respond(event, s3, Kms(pair)) == {}
    assert s3.deleted == [{"Bucket": "artifacts", "Key": "transit/run.zip", "VersionId": "v1"}]


def test_removal_of_what_was_never_made_does_nothing(pair) -> None:
    """CloudFormation asks for it after a failed creation."""
    s3 = S3()
    handler.respond({"RequestType": "Delete", "PhysicalResourceId": "none"}, s3, Kms(pair))
    assert s3.deleted == []


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
